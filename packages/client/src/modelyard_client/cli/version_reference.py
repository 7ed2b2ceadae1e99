"""How a command line names a version (`churn/3`), or a request for it (`churn/3`, `churn/req-…`)."""

import re
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from modelyard_client.client import Client
    from modelyard_client.promotion import PromotionRequest

_VERSION = re.compile("0*[1-9][0-9]{0,9}")
"""Ten digits hold more than there are versions."""
VersionArgument = Annotated[str, typer.Argument(help="A version, like churn/3.", metavar="MODEL/VERSION")]
RequestArgument = Annotated[
    str,
    typer.Argument(help="A version whose request is open, like churn/3, or churn/req-….", metavar="MODEL/VERSION"),
]


def name_and_version(reference: str) -> tuple[str, int]:
    """The model and the number of its version.

    Raises:
        typer.BadParameter: it is not of the form MODEL/VERSION.
    """
    name, _, number = reference.rpartition("/")
    if not (name and _VERSION.fullmatch(number)):
        raise typer.BadParameter(f"expected MODEL/VERSION, like churn/3, got {reference[:300]!r}")
    return name, int(number)


def named_request(client: "Client", reference: str) -> "PromotionRequest":
    """The request that is meant.

    Raises:
        NotFound: there is none, or the version has none that is open.
    """
    name, _, request_id = reference.rpartition("/")
    if name and request_id.startswith("req-"):
        return client.promotion.request(name, request_id)
    return client.promotion.open_request(*name_and_version(reference))
