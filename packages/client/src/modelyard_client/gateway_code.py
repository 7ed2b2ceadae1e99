"""The gateway as code: files that are applied, and what the gateway has as a file, a program or objects."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard_client.azure_apim import FieldChange
from modelyard_client.transport import Transport
from modelyard_client.wire import Fields

_GATEWAY = "/api/v1/gateway"


@dataclass(frozen=True, kw_only=True, slots=True)
class GatewayFile:
    """A file of YAML or JSON."""

    name: str
    content: str


@dataclass(frozen=True, kw_only=True, slots=True)
class ObjectChange:
    """What applying does about an object."""

    action: str
    """create, update, unchanged or delete."""
    kind: str
    key: str
    differences: tuple[FieldChange, ...]

    @classmethod
    def from_json(cls, value: object) -> "ObjectChange":
        """Read a change of the API."""
        fields = Fields(value, noun="change")
        found = (Fields(each, noun="difference") for each in fields.items("differences"))
        return cls(
            action=fields.text("action"),
            kind=fields.text("kind"),
            key=fields.text("key"),
            differences=tuple(
                FieldChange(field=each.text("field"), before=each.text("before"), after=each.text("after"))
                for each in found
            ),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class FileProblem:
    """What is wrong in a file."""

    file: str
    line: int
    field: str
    message: str

    @property
    def sentence(self) -> str:
        """`gateway.yaml:12: apis.path: expected …`."""
        return f"{self.file}:{self.line}: {f'{self.field}: ' if self.field else ''}{self.message}"

    @classmethod
    def from_json(cls, value: object) -> "FileProblem":
        """Read a problem of the API."""
        fields = Fields(value, noun="problem")
        return cls(
            file=fields.text("file"),
            line=fields.integer("line"),
            field=fields.text("field"),
            message=fields.text("message"),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Applied:
    """What files changed, or would change; or what is wrong in them, and then nothing."""

    is_applied: bool
    changes: tuple[ObjectChange, ...]
    problems: tuple[FileProblem, ...]


@dataclass(frozen=True, kw_only=True, slots=True)
class Export:
    """A file."""

    format: str
    file_name: str
    content: str


class GatewayCode:
    """`client.gateway_code`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def apply(self, files: Sequence[GatewayFile], *, prune: bool = False, dry_run: bool = False) -> Applied:
        """Make the gateway what the files say, as a whole or not at all.

        Args:
            files: what they do not name stays.
            prune: delete it after all, of those kinds that the files list.
            dry_run: find out what would change, or what is wrong, and change nothing.

        Raises:
            Invalid: something is wrong in a file, and the run is not dry.
        """
        body = {
            "files": [{"name": file.name, "content": file.content} for file in files],
            "prune": prune,
            "dry_run": dry_run,
        }
        fields = Fields(self._transport.post(f"{_GATEWAY}/apply", body, is_repeatable=True), noun="outcome")
        return Applied(
            is_applied=fields.boolean("is_applied"),
            changes=tuple(ObjectChange.from_json(each) for each in fields.items("changes")),
            problems=tuple(FileProblem.from_json(each) for each in fields.items("problems")),
        )

    def export(
        self,
        format: str = "modelyard",  # noqa: A002 - the parameter's name on the wire
        *,
        operations: bool = False,
        publisher_name: str | None = None,
        publisher_email: str | None = None,
        gateway: str = "modelyard",
        namespace: str = "default",
        partial: bool = False,
    ) -> Export:
        """The gateway's objects in another form.

        Args:
            format: `modelyard` (what `apply` takes), `pulumi`, `bicep` or `gateway-api`.
            operations: of a program for Azure, whether an API without a document passes on every path.
            publisher_name: of a program for Azure, that it makes the service, and who publishes there.
            publisher_email: with `publisher_name`.
            gateway: of `gateway-api`, the Gateway that routes are attached to.
            namespace: of `gateway-api`, that of the routes.
            partial: of `gateway-api`, leave out what it cannot say, and name it in comments.

        Raises:
            Invalid: the gateway has what the format cannot say.
        """
        query = {
            "format": format,
            "operations": str(operations).lower(),
            "publisher_name": publisher_name,
            "publisher_email": publisher_email,
            "gateway": gateway,
            "namespace": namespace,
            "partial": str(partial).lower(),
        }
        return _export(self._transport.get(f"{_GATEWAY}/export", query=query))

    def pull(self) -> Export:
        """What Azure API Management has as a file that `apply` takes; after a push it changes nothing.

        Raises:
            NotFound: no service is configured.
            Unavailable: Azure does not answer.
        """
        return _export(self._transport.get(f"{_GATEWAY}/azure-apim/file"))


def _export(value: object) -> Export:
    fields = Fields(value, noun="export")
    return Export(format=fields.text("format"), file_name=fields.text("file_name"), content=fields.text("content"))
