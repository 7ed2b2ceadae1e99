"""What requests that train have in common."""

from typing import Annotated, Any

from pydantic import BeforeValidator

from modelyard.errors import Invalid


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
