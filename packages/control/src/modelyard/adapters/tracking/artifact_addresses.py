"""Which addresses of artifacts are followed. Runs and experiments say where their files are, and whoever reaches the
tracker may write what they say: so an address is taken as a place to look in only where the operator's own store is.
"""

import posixpath
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from modelyard.errors import Invalid

_SERVED = "mlflow-artifacts"


@dataclass(frozen=True, slots=True)
class ArtifactAddresses:
    """The tracking server's own artifacts, and what is below `root` if the operator has named one."""

    root: str | None = None
    """A folder, or an address like `s3://ml-artifacts`, of a server that does not hand artifacts out itself."""

    def check(self, address: str) -> None:
        """Let an address pass.

        Raises:
            Invalid: code `artifact_address_refused`.
        """
        if not self._is_followed(address):
            raise Invalid(
                f"the tracker says that the files are at {address[:200]!r}, which is not followed: expected "
                f"{_SERVED}:/… or an address below MLFLOW_ARTIFACT_ROOT",
                code="artifact_address_refused",
            )

    def _is_followed(self, address: str) -> bool:
        place = _plain(address)
        if ".." in unquote(place).replace("\\", "/").split("/"):
            return False
        parts = urlsplit(place)
        if parts.scheme == _SERVED and not parts.netloc:
            return True
        return self.root is not None and _is_below(place, _plain(self.root))


def _plain(address: str) -> str:
    """A local folder without its scheme."""
    return address.removeprefix("file://")


def _is_below(place: str, root: str) -> bool:
    return place.startswith(posixpath.join(root, ""))
