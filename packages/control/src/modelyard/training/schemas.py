"""What requests that train have in common."""

from typing import Annotated, Any

from pydantic import BeforeValidator, Field

from modelyard.errors import Invalid
from modelyard.http.bodies import RequestBody
from modelyard.registry.provenance import DataReference


def _secrets_without_an_echo(value: Any) -> Any:
    """Refuse what are no secrets here: pydantic's own refusal would repeat them."""
    if not isinstance(value, dict):
        raise Invalid("secrets: expected an object of names and texts", code="request_invalid", field="secrets")
    for name, secret in value.items():
        if not isinstance(secret, str):
            field = f"secrets.{name}"
            raise Invalid(f"{field}: expected a text, got something else", code="request_invalid", field=field)
    return value


Secrets = Annotated[dict[str, str], BeforeValidator(_secrets_without_an_echo)]


class DataBody(RequestBody):
    """Data that a run is given."""

    uri: str = Field(description="where it is, for the script: nothing else reads it; `project:PATH` for a sent file")
    sha256: str | None = Field(default=None, description="of its content; of a file that is sent it is computed")

    def reference(self) -> DataReference:
        """As the service takes it."""
        return DataReference(self.uri, self.sha256)


Data = Annotated[
    dict[str, DataBody],
    Field(description="by name; the script finds the URI of `rows` in MODELYARD_DATA_ROWS, and all in MODELYARD_DATA"),
]
