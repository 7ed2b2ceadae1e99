"""The catalogue that both products hold: the same models, versions, tags and metrics, from no randomness at all."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

BEGINNING = datetime(2026, 1, 1, tzinfo=UTC)
TEAMS = 40
LONG_MODEL = "long-history"
"""The model with very many versions."""


@dataclass(frozen=True, slots=True)
class Size:
    """How large the catalogue is."""

    models: int
    versions: int
    """Of each model."""
    long_versions: int
    """Of the one model with a long history."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One version. `stage` is `production` for the last but one of its model, `staging` for the last."""

    model: str
    version: int
    stage: str
    run_id: str
    tags: Mapping[str, str]
    metrics: Mapping[str, float]
    created_at: datetime
    last_version: int
    """Of its model."""


def model_name(number: int) -> str:
    """The name of the model with this number, from 0."""
    return f"model-{number:05d}"


def model_tags(name: str) -> Mapping[str, str]:
    """Five tags of a model."""
    number = sum(name.encode())
    return {
        "team": f"team-{number % TEAMS}",
        "task": ("classification", "regression", "ranking")[number % 3],
        "region": ("eu", "us", "ap")[number % 3],
        "cost-centre": str(1000 + number % 7),
        "reviewed": "yes" if number % 2 else "no",
    }


def entries(size: Size) -> Iterator[Entry]:
    """Every version, model by model, oldest first; the long history comes last."""
    for number in range(size.models):
        yield from _history(model_name(number), size.versions)
    yield from _history(LONG_MODEL, size.long_versions, is_tagged=False)


def _history(model: str, count: int, *, is_tagged: bool = True) -> Iterator[Entry]:
    for version in range(1, count + 1):
        yield Entry(
            model=model,
            version=version,
            stage={count: "staging", count - 1: "production"}.get(version, "none"),
            run_id=f"{sum(model.encode()):08x}{version:024x}",
            tags=_tags(version) if is_tagged else {},
            metrics={"accuracy": 0.8 + version % 20 / 100, "loss": 1 / version},
            created_at=BEGINNING + timedelta(minutes=version),
            last_version=count,
        )


def _tags(version: int) -> Mapping[str, str]:
    return {
        "commit": f"{version * 2654435761 % 2**32:08x}",
        "data": f"snapshot-{version % 12}",
        "owner": f"person-{version % 25}",
        "framework": ("sklearn", "xgboost", "torch")[version % 3],
        "validated": "yes" if version % 2 else "no",
    }
