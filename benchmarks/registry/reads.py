"""The same questions, as each product's own REST API puts them."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from urllib.parse import urlencode

from benchmarks.registry.catalogue import TEAMS, Size, model_name

_OURS = "/api/v1/ml/registry/models"
_THEIRS = "/api/2.0/mlflow"


@dataclass(frozen=True, slots=True)
class Read:
    """One question. `modelyard` and `mlflow` give the path to ask next; the generator of numbers chooses what for."""

    title: str
    modelyard: Callable[[random.Random], str]
    mlflow: Callable[[random.Random], str]


def reads(size: Size) -> list[Read]:
    """What a registry is asked all day."""

    def model(dice: random.Random) -> str:
        return model_name(dice.randrange(size.models))

    def version(dice: random.Random) -> int:
        return dice.randint(1, size.versions)

    def team(dice: random.Random) -> str:
        return f"team-{dice.randrange(TEAMS)}"

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
            lambda _: f"{_OURS}?limit=50",
            lambda _: f"{_THEIRS}/registered-models/search?max_results=50",
        ),
        Read(
            "models with a tag",
            lambda dice: f"{_OURS}?{urlencode({'tag': f'team:{team(dice)}', 'limit': 50})}",
            lambda dice: (
                f"{_THEIRS}/registered-models/search?"
                + urlencode({"filter": f"tags.team = '{team(dice)}'", "max_results": 50})
            ),
        ),
    ]
