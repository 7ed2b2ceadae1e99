"""Azure's resource manager, as far as container groups need it. Calls ask and return; their outcome is kept.

What Azure does about a call takes minutes. The token with which its outcome is asked for is in a file, so that another
control plane learns it too.
"""

import json
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from http import HTTPStatus
from pathlib import Path
from typing import Any

from azure.core.exceptions import AzureError, ClientAuthenticationError, HttpResponseError
from azure.core.polling import LROPoller
from azure.mgmt.containerinstance import ContainerInstanceManagementClient, models

from modelyard.adapters.azure import Credential, said_by
from modelyard.adapters.target.aci.groups import CONTAINER
from modelyard.adapters.target.aci.options import AciOptions
from modelyard.atomic_file import replace_text
from modelyard.errors import Unavailable

_SECONDS = {"connection_timeout": 5, "read_timeout": 20, "retry_total": 0}
_RETRY_SECONDS = 30.0
"""After an operation that failed."""
_POLL_SECONDS = 5


class _Absent(Unavailable):
    """It is not there."""


class _Busy(Unavailable):
    """Azure does something else with it now."""


_KINDS: Mapping[int, type[Unavailable]] = {HTTPStatus.NOT_FOUND: _Absent, HTTPStatus.CONFLICT: _Busy}


class ContainerGroups:
    """The groups of one resource group. Calls raise Unavailable, with Azure's reason.

    Args:
        operations: a folder for what was begun.
        arm: further options of Azure's own client.
    """

    def __init__(
        self,
        options: AciOptions,
        credential: Credential,
        *,
        operations: Path,
        clock: Callable[[], float] = time.time,
        arm: Mapping[str, Any] = {},
    ) -> None:
        settings = {"base_url": options.resource_manager, "polling_interval": _POLL_SECONDS, **_SECONDS, **arm}
        self._client = ContainerInstanceManagementClient(credential, options.subscription_id, **settings)
        self._group = options.resource_group
        self._folder = operations
        self._clock = clock
        self._lock = threading.Lock()
        self._pollers: dict[str, LROPoller[Any]] = {}
        self._not_before = 0.0

    def listed(self) -> Sequence[Any]:
        """All, without what their containers do."""
        with self._translated("list container groups"):
            return list(self._client.container_groups.list_by_resource_group(self._group))

    def get(self, name: str) -> Any | None:
        """One with what its containers do; None when it is not there."""
        with suppress(_Absent), self._translated(f"read '{name}'"):
            group: Any = self._client.container_groups.get(self._group, name)
            return group
        return None

    def create(self, name: str, group: models.ContainerGroup) -> None:
        """Ask for a group, if that was not done. One that Azure refused a moment ago is not asked for again at once."""
        failure = self.failure(name)
        if failure is None and self._file(name).exists():
            return  # Azure still works on it.
        if failure is not None:
            if self._clock() - self._file(name).stat().st_mtime < _RETRY_SECONDS:
                raise Unavailable(f"Azure did not make the container group: {failure}", code="target_refused")
            self._file(name).unlink(missing_ok=True)
        with self._translated(f"make '{name}'"):
            self._begun(name, self._client.container_groups.begin_create_or_update(self._group, name, group))

    def start(self, name: str) -> None:
        """Ask to start one that somebody has stopped."""
        with suppress(_Absent, _Busy), self._translated(f"start '{name}'"):
            self._begun(name, self._client.container_groups.begin_start(self._group, name))

    def delete(self, name: str) -> None:
        """Ask to delete one, running or not. One that is not there, or that is being deleted: nothing to do."""
        with suppress(_Absent, _Busy), self._translated(f"delete '{name}'"):
            self._begun(name, self._client.container_groups.begin_delete(self._group, name))

    def log(self, name: str) -> str:
        """What its container has written lately, each line after its time; empty while it has not begun."""
        with suppress(_Absent, _Busy), self._translated(f"read the log of '{name}'"):
            return self._client.containers.list_logs(self._group, name, CONTAINER, timestamps=True).content or ""
        return ""

    def failure(self, name: str) -> str | None:
        """Why what was begun last for this group has failed; None while it has not."""
        written = self._read(name)
        if written is None:
            return None
        if "failure" in written:
            return str(written["failure"])
        poller = self._poller(name, written["token"])
        if not poller.done():
            return None
        failure = _outcome(poller)
        with self._lock:
            self._pollers.pop(name, None)
        if failure is None:
            self._file(name).unlink(missing_ok=True)
        else:
            replace_text(self._file(name), json.dumps({"failure": failure}))
        return failure

    def forget(self, prefix: str) -> None:
        """Forget what was begun for groups whose names begin so, and that are gone."""
        for file in self._folder.glob(f"{prefix}*.json"):
            with self._lock:
                self._pollers.pop(file.stem, None)
            file.unlink(missing_ok=True)

    def close(self) -> None:
        """Close the connections."""
        self._client.close()

    def _begun(self, name: str, poller: LROPoller[Any]) -> None:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        replace_text(self._file(name), json.dumps({"token": poller.continuation_token()}))
        with self._lock:
            self._pollers[name] = poller

    def _poller(self, name: str, token: str) -> LROPoller[Any]:
        """The one that this process has begun, or one that goes on from the token of another."""
        with self._lock:
            if name not in self._pollers:
                group = models.ContainerGroup(containers=[], os_type="Linux")
                self._pollers[name] = self._client.container_groups.begin_create_or_update(
                    self._group, name, group, continuation_token=token
                )
            return self._pollers[name]

    def _read(self, name: str) -> Mapping[str, Any] | None:
        with suppress(FileNotFoundError):
            content: Mapping[str, Any] = json.loads(self._file(name).read_text(encoding="utf-8"))
            return content
        return None

    def _file(self, name: str) -> Path:
        return self._folder / f"{name}.json"

    @contextmanager
    def _translated(self, doing: str) -> Iterator[None]:
        if self._clock() < self._not_before:
            raise Unavailable("Azure asks to be asked later", code="target_unavailable")
        try:
            yield
        except ClientAuthenticationError as exc:
            raise Unavailable(f"Azure does not let us in: {said_by(exc)}", code="target_forbidden") from exc
        except HttpResponseError as exc:
            if exc.status_code == HTTPStatus.TOO_MANY_REQUESTS:
                self._not_before = self._clock() + _retry_after(exc)
            kind = _KINDS.get(exc.status_code or 0, Unavailable)
            code = "target_forbidden" if exc.status_code == HTTPStatus.FORBIDDEN else "target_unavailable"
            raise kind(f"Azure does not {doing}: {said_by(exc)}", code=code) from exc
        except AzureError as exc:
            raise Unavailable(f"Azure does not answer: {said_by(exc)}", code="target_unavailable") from exc


def _outcome(poller: LROPoller[Any]) -> str | None:
    """Why it failed; None for one that did not, or whose outcome Azure has forgotten."""
    try:
        poller.result()
    except HttpResponseError as exc:
        return None if exc.status_code == HTTPStatus.NOT_FOUND else said_by(exc)
    except AzureError:
        return None
    return None


def _retry_after(exc: HttpResponseError) -> float:
    response: Any = exc.response
    header = None if response is None else response.headers.get("Retry-After")
    return float(header) if header and header.isdecimal() else _RETRY_SECONDS
