"""Takes scripts: checks what was sent, word by word, and makes the job. Nothing runs here."""

from collections.abc import Sequence
from dataclasses import dataclass

from modelyard.access.domain import Principal
from modelyard.errors import Invalid
from modelyard.jobs.domain import Job, JobKind
from modelyard.jobs.service import JobService
from modelyard.naming import validate_experiment_name, validate_model_name, validate_namespace, validate_script_name
from modelyard.training.domain import parse_requirements

MAX_SCRIPT_BYTES = 1024 * 1024
MAX_REPLICAS = 64
DEFAULT_NAMESPACE = "default"


@dataclass(frozen=True, slots=True)
class Script:
    """A training script with what it needs and where its run shall go."""

    script_name: str
    script_content: str
    requirements: Sequence[str]
    experiment_name: str | None = None
    logged_model: str | None = None
    """Which of the models that it logs is meant, when it logs several."""
    timeout_seconds: float | None = None


class TrainingService:
    """Makes training and one-click jobs."""

    def __init__(self, *, jobs: JobService) -> None:
        self._jobs = jobs

    def train(
        self, principal: Principal, script: Script, *, model_name: str, idempotency_key: str | None = None
    ) -> Job:
        """A job that trains and registers.

        Raises:
            Invalid: a field is not what it should be; the error names it.
        """
        request = _checked(script, model_name)
        return self._jobs.create(
            principal,
            kind=JobKind.TRAINING,
            model_name=model_name,
            request=request,
            idempotency_key=idempotency_key,
        )

    def one_click(
        self,
        principal: Principal,
        script: Script,
        *,
        model_name: str,
        replicas: int | None,
        namespace: str | None,
        replace: bool = False,
        idempotency_key: str | None = None,
    ) -> Job:
        """A job that trains, registers, builds and deploys.

        Raises:
            Invalid: a field is not what it should be; the error names it.
        """
        wanted = checked_deployment(replicas=replicas, namespace=namespace) | checked_place(
            another=False, replace=replace
        )
        request = _checked(script, model_name) | wanted
        return self._jobs.create(
            principal,
            kind=JobKind.ONE_CLICK,
            model_name=model_name,
            request=request,
            idempotency_key=idempotency_key,
        )


def checked_deployment(*, replicas: int | None, namespace: str | None) -> dict[str, object]:
    """What a job needs to know of a deployment."""
    if replicas is not None and not 1 <= replicas <= MAX_REPLICAS:
        raise Invalid(
            f"replicas: expected a number from 1 to {MAX_REPLICAS}, got {replicas}",
            code="replicas_invalid",
            field="replicas",
        )
    if namespace is not None:
        validate_namespace(namespace)
    return {"replicas": replicas, "namespace": namespace or DEFAULT_NAMESPACE}


def checked_place(*, another: bool, replace: bool) -> dict[str, object]:
    """What a job needs to know of the deployments that are there."""
    if another and replace:
        raise Invalid(
            "another: a deployment takes the place of one that serves (replace), or is another one beside it; got both",
            code="place_contradictory",
            field="another",
        )
    return {"another": another, "replace": replace}


def _checked(script: Script, model_name: str) -> dict[str, object]:
    validate_script_name(script.script_name)
    validate_model_name(model_name, field="model_name")
    experiment_name = model_name if script.experiment_name is None else script.experiment_name
    validate_experiment_name(experiment_name)
    size = len(script.script_content.encode("utf-8", errors="surrogatepass"))
    if not script.script_content.strip() or size > MAX_SCRIPT_BYTES:
        raise Invalid(
            f"script_content: expected a script of 1 to {MAX_SCRIPT_BYTES} bytes, got {size}",
            code="script_content_invalid",
            field="script_content",
        )
    if script.timeout_seconds is not None and not script.timeout_seconds > 0:
        raise Invalid(
            f"timeout_seconds: expected a positive number, got {script.timeout_seconds}",
            code="timeout_invalid",
            field="timeout_seconds",
        )
    return {
        "script_name": script.script_name,
        "script_content": script.script_content,
        "requirements": list(parse_requirements(script.requirements)),
        "experiment_name": experiment_name,
        "logged_model": script.logged_model,
        "timeout_seconds": script.timeout_seconds,
    }
