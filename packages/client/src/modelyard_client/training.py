"""Sending a training script, alone or to be deployed with one click."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any
from uuid import uuid4

from modelyard_client.jobs import Submission
from modelyard_client.scripts import Script
from modelyard_client.transport import Transport


class Training:
    """`client.training`."""

    def __init__(self, transport: Transport) -> None:
        self._transport = transport

    def submit(
        self,
        script: Script | Path,
        *,
        requirements: Sequence[str] | None = None,
        model_name: str | None = None,
        experiment_name: str | None = None,
        logged_model: str | None = None,
        timeout_seconds: float | None = None,
        idempotency_key: str | None = None,
    ) -> Submission:
        """Run a training script and register the model that it logs.

        Args:
            requirements: PEP 508 requirements; None for those that the script names itself (PEP 723).
            model_name: the name to register under; the script's name without its ending when None.
            logged_model: which of several logged models to register.
            timeout_seconds: the longest that the script may run.
            idempotency_key: the same request with the same key is the same job; a new key when None, so that the
                request can be repeated safely when the connection breaks.

        Raises:
            Invalid: something in the request is wrong; `field` names it.
            Conflict: the key was used with another request.
        """
        body = job_body(script, requirements) | {
            "model_name": model_name,
            "experiment_name": experiment_name,
            "logged_model": logged_model,
            "timeout_seconds": timeout_seconds,
        }
        return submit(self._transport, "/mlops/training/upload", body, idempotency_key=idempotency_key)


def job_body(script: Script | Path, requirements: Sequence[str] | None) -> dict[str, Any]:
    """The part of a request that names what is run, and in which environment."""
    source = Script.read(script) if isinstance(script, Path) else script
    needed = source.inline_requirements() if requirements is None else requirements
    return {"script_name": source.name, "script_content": source.content, "requirements": list(needed)}


def submit(transport: Transport, where: str, body: dict[str, Any], *, idempotency_key: str | None) -> Submission:
    """Send a request that makes a job, under a key, so that sending it twice makes one job."""
    given = {name: value for name, value in body.items() if value is not None}
    return Submission.from_json(transport.post(where, given, idempotency_key=idempotency_key or str(uuid4())))
