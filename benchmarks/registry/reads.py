"""The same questions, as each product's own REST API puts them."""

import base64
import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from urllib.parse import urlencode

from benchmarks.registry.catalogue import Size, model_name, model_tags

from modelyard.paging import encode_cursor
from modelyard.registry.search.filters import ModelOrder

_OURS = "/api/v1/ml/registry/models"
_THEIRS = "/api/2.0/mlflow"
_COUNTS = {1: "one tag", 2: "two tags", 3: "three tags"}
_MODEL_TAGS = ("team", "region", "reviewed")
_VERSION_TAGS = (
    ("data", [f"snapshot-{number}" for number in range(12)]),
    ("owner", [f"person-{number}" for number in range(25)]),
    ("framework", ["sklearn", "xgboost", "torch"]),
)


Path = Callable[[random.Random], str]
"""Gives the path to ask next; the generator of numbers chooses what for."""


@dataclass(frozen=True, slots=True)
class Read:
    """One question, as each product is asked it; None where MLflow has no such question."""

    title: str
    modelyard: Path
    mlflow: Path | None


def reads(size: Size) -> list[Read]:
    """What a registry is asked all day."""

    def model(dice: random.Random) -> str:
        return model_name(dice.randrange(size.models))

    def version(dice: random.Random) -> int:
        return dice.randint(1, size.versions)

    def of_models(count: int) -> Read:
        """Some tags of the models' own."""

        def tags(dice: random.Random) -> list[tuple[str, str]]:
            return [tag for tag in model_tags(model(dice)).items() if tag[0] in _MODEL_TAGS[:count]]

        return Read(
            f"models with {_COUNTS[count]}",
            lambda dice: f"{_OURS}?{_tagged(tags(dice), _limit(dice))}",
            lambda dice: (
                f"{_THEIRS}/registered-models/search?"
                + urlencode(
                    {
                        "filter": " AND ".join(f"tags.{k} = '{v}'" for k, v in tags(dice)),
                        "max_results": _limit(dice),
                    }
                )
            ),
        )

    def of_versions(count: int) -> Read:
        """Some tags of one version: each alone has many, and most have none that has them all."""

        def tags(dice: random.Random) -> list[tuple[str, str]]:
            return [(key, dice.choice(values)) for key, values in _VERSION_TAGS[:count]]

        return Read(
            f"models with a version of {_COUNTS[count]}",
            lambda dice: f"{_OURS}?{_tagged(tags(dice), _limit(dice))}",
            None,
        )

    return [
        Read(
            "one version",
            lambda dice: f"{_OURS}/{model(dice)}/versions/{version(dice)}",
            lambda dice: f"{_THEIRS}/model-versions/get?{urlencode({'name': model(dice), 'version': version(dice)})}",
        ),
        Read(
            "one model",
            lambda dice: f"{_OURS}/{model(dice)}",
            lambda dice: f"{_THEIRS}/registered-models/get?{urlencode({'name': model(dice)})}",
        ),
        Read(
            "the version in production",
            lambda dice: f"{_OURS}/{model(dice)}/versions?stage=production",
            lambda dice: f"{_THEIRS}/registered-models/alias?{urlencode({'name': model(dice), 'alias': 'production'})}",
        ),
        Read(
            "a model's 50 versions",
            lambda dice: f"{_OURS}/{model(dice)}/versions?limit=50",
            lambda dice: (
                f"{_THEIRS}/model-versions/search?"
                + urlencode({"filter": f"name='{model(dice)}'", "max_results": 50, "order_by": "version_number DESC"})
            ),
        ),
        Read(
            "a page of 50 models",
            lambda dice: f"{_OURS}?{_models_after(dice.randrange(size.models))}",
            lambda dice: f"{_THEIRS}/registered-models/search?{_models_from(dice.randrange(size.models) + 1)}",
        ),
        *(of_models(count) for count in (1, 2, 3)),
        *(of_versions(count) for count in (1, 2, 3)),
    ]


def _limit(dice: random.Random) -> int:
    """About fifty. Few questions have few tags: with a length of the page they are enough to be asked once each."""
    return dice.randint(26, 75)


def _tagged(tags: Sequence[tuple[str, str]], limit: int) -> str:
    return urlencode([*(("tag", f"{key}:{value}") for key, value in tags), ("limit", limit)])


def _models_after(number: int) -> str:
    """The query of a page by name, as the cursor of the page before gives it."""
    cursor = encode_cursor(ModelOrder.NAME, model_name(number))
    return urlencode({"order": ModelOrder.NAME, "limit": 50, "cursor": cursor})


def _models_from(offset: int) -> str:
    """The same page of MLflow, which counts the models before it."""
    token = base64.b64encode(json.dumps({"offset": offset}).encode()).decode()
    return urlencode({"max_results": 50, "page_token": token})
