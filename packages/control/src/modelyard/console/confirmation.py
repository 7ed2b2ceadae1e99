"""Pages that ask once more before something is removed. They name what goes, and work without JavaScript.

A button on a page leads here with GET, and changes nothing; the form here posts to the same address.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from fastapi import Request, Response

from modelyard.console.api import ApiError
from modelyard.console.rendering import Pages


@dataclass(frozen=True, slots=True)
class Removal:
    """What somebody is about to do.

    Attributes:
        heading: as a question: `Stop the deployment churn 3?`
        loss: what is gone afterwards, and what stays; whole sentences.
        facts: what is removed, as names and values.
        button: the deed, in a word or two.
        permission: which the API asks for.
        back: the path to go to instead.
        fields: what the form sends.
        asks: the name of a field for a reason, which may stay empty.
    """

    heading: str
    loss: str
    button: str
    permission: str
    back: str
    facts: Sequence[tuple[str, Any]] = ()
    fields: Mapping[str, str] = field(default_factory=dict)
    asks: str | None = None


def confirm(
    pages: Pages, request: Request, removal: Removal, *, error: ApiError | None = None, insist: str | None = None
) -> Response:
    """The page that asks.

    Args:
        error: why it was not done, where somebody has agreed already.
        insist: what a second button says, which sends `force`: the API allows it in spite of the error.
    """
    context = {"removal": removal, "action": request.url.path, "error": error, "insist": insist}
    return pages.render(request, "parts/confirm.html", context, status=200 if error is None else error.status)
