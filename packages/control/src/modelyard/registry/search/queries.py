"""The filters of a search as parameters of a query; a dependency for each kind of list."""

from typing import Annotated

from fastapi import Query

from modelyard.registry.search.filters import (
    ModelFilter,
    VersionFilter,
    VersionOrder,
    parse_metrics,
    parse_tags,
    parse_version_order,
)
from modelyard.registry.states import Stage

Tags = Annotated[list[str], Query(description="`key:value`; repeated: all must be there", max_length=100)]
Metrics = Annotated[list[str], Query(description="like `accuracy>=0.9`; repeated: all must hold", max_length=100)]
Text = Annotated[str | None, Query(description="words of the description, in any case", max_length=200)]


async def model_filter(
    stage: Stage | None = None,
    tag: Tags = [],  # noqa: B006 - FastAPI copies a default.
    metric: Metrics = [],  # noqa: B006
    text: Text = None,
    owner: Annotated[str | None, Query(max_length=200)] = None,
) -> ModelFilter:
    """Stage, tags and metrics are met by one version of the model; a tag may also be the model's own."""
    return ModelFilter(stage=stage, tags=parse_tags(tag), metrics=parse_metrics(metric), text=text, owner=owner)


async def version_filter(
    stage: Stage | None = None,
    tag: Tags = [],  # noqa: B006 - FastAPI copies a default.
    metric: Metrics = [],  # noqa: B006
    text: Text = None,
) -> VersionFilter:
    """Each filter narrows the list."""
    return VersionFilter(stage=stage, tags=parse_tags(tag), metrics=parse_metrics(metric), text=text)


async def version_order(
    order: Annotated[
        str, Query(description="`version` or `metrics.<name>`, backwards with a hyphen before it", max_length=300)
    ] = "-version",
) -> VersionOrder:
    """Newest first, unless another order is asked for."""
    return parse_version_order(order)
