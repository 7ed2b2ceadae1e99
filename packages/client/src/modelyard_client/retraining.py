"""Training a version again by its recipe."""

from collections.abc import Mapping, Sequence
from typing import Any

from modelyard_client.jobs import Submission
from modelyard_client.training import submit
from modelyard_client.transport import Transport, path

_ROOT = ("api", "v1", "modelserving", "models")


class Retraining:
    """`client.retraining`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def submit(
        self,
        name: str,
        version: int,
        *,
        arguments: Sequence[str] | None = None,
        parameters: Mapping[str, Any] | None = None,
        environment: Mapping[str, str] | None = None,
        secrets: Mapping[str, str] | None = None,
        data: Mapping[str, Mapping[str, str]] | None = None,
        notebook: str | None = None,
        runner: str | None = None,
        timeout_seconds: float | None = None,
        update_requirements: bool = False,
        stage_if: str = "never",
        idempotency_key: str | None = None,
    ) -> Submission:
        """Run the script or notebook that trained a version again, for the next version of the model.

        What is not given stays as it was when the version was trained. The job's `retraining` says how the new version
        stands beside the one in production.

        Args:
            arguments: what the script finds in `sys.argv`, in place of the recipe's.
            parameters: of a notebook; those that are not named stay.
            environment: variables of the run; those that are not named stay.
            secrets: values of the secrets that the version's run had; they are not kept after a job.
            data: what the run is given, as for `client.training.submit`; data that is not named stays.
            notebook: the path of another notebook in the project that trained the version.
            update_requirements: resolve the requirements anew, instead of using the version's exact environment.
            stage_if: when the new version goes to staging: `better`, `not_worse`, `always` or `never`.
            idempotency_key: the same request with the same key is the same job; a new key when None.

        Raises:
            NotFound: there is no such version.
            Conflict: it has no recipe, for no script of the platform trained it.
            Invalid: something in the request is wrong; `field` names it.
        """
        body: dict[str, Any] = {
            "arguments": None if arguments is None else list(arguments),
            "parameters": dict(parameters or {}) or None,
            "environment": dict(environment or {}) or None,
            "secrets": dict(secrets or {}) or None,
            "data": {name: dict(each) for name, each in (data or {}).items()} or None,
            "notebook": notebook,
            "runner": runner,
            "timeout_seconds": timeout_seconds,
            "update_requirements": update_requirements,
            "stage_if": stage_if,
        }
        where = path(*_ROOT, name, "versions", version, "inference")
        return submit(self._transport, where, body, idempotency_key=idempotency_key)
