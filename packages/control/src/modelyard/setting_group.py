"""The base of every group of settings, read once, at the start, from variables of the environment and nothing else.

A noun that can be set from outside has its group in its own `settings.py`; modelyard/settings.py gathers them.
"""

from typing import Any, get_args, get_origin

from pydantic import AliasChoices, BeforeValidator, SecretStr, ValidationError
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, SettingsConfigDict, SettingsError

from modelyard.errors import Invalid
from modelyard.findings import findings

PREFIX = "MODELYARD_"
MEBIBYTE = 1024 * 1024


class SettingGroup(BaseSettings):
    """Settings of one noun. A field's variable is the group's prefix and the field's name, or the field's alias."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, use_attribute_docstrings=True)

    def __init__(self, **given: Any) -> None:
        """Take what is given, and all else from the environment.

        Raises:
            Invalid: code `setting_invalid`; the sentence names the variable, what was expected and what came.
        """
        try:
            super().__init__(**given)
        except ValidationError as exc:
            raise Invalid(self._sentence(exc), code="setting_invalid") from exc
        except SettingsError as exc:
            raise Invalid(self._of_no_json(exc), code="setting_invalid") from None  # It would show the value.

    @classmethod
    def variables(cls, field: str) -> list[str]:
        """All environment variables that set a field; the first that is set counts."""
        alias = cls.model_fields[field].validation_alias
        if isinstance(alias, AliasChoices):
            return [str(choice) for choice in alias.choices]
        return [f"{cls.model_config['env_prefix']}{field.upper()}" if alias is None else str(alias)]

    @classmethod
    def _sentence(cls, exc: ValidationError) -> str:
        """The first finding: the variable, what was expected, what came."""
        first = findings(exc)[0]
        if not first.place:  # Two settings that do not go together; the sentence names them.
            return first.said
        name = str(first.place[0])
        field = cls.model_fields.get(name)
        variable = name if field is None else cls.variables(name)[0]
        if field is not None and _may_hold_secrets(field):
            return f"{variable}: {first.said}; the value is not shown, as it may hold secrets."
        return f"{variable}: {first.said}; {first.got} came."

    @classmethod
    def _of_no_json(cls, exc: SettingsError) -> str:
        """Of a variable whose value is a document, and cannot be read as one."""
        name = next((name for name in cls.model_fields if f'"{name}"' in str(exc)), None)
        variable = "a setting" if name is None else cls.variables(name)[0]
        return f"{variable}: expected a document of JSON; what came is none."


def _may_hold_secrets(field: FieldInfo) -> bool:
    """A secret, or a document of somebody else's form."""
    annotation = field.annotation
    return SecretStr in (annotation, *get_args(annotation)) or dict in (annotation, get_origin(annotation))


def _split(value: Any) -> Any:
    return [item.strip() for item in value.split(",") if item.strip()] if isinstance(value, str) else value


COMMA_SEPARATED = BeforeValidator(_split)
"""A list that a variable holds as words with commas between them; with `NoDecode`."""
