"""The end of `train` and `deploy`: return as soon as the job is accepted, or wait and print its result."""

import json
import shlex
from typing import TYPE_CHECKING, Any

from modelyard_client.cli.errors import CommandError
from modelyard_client.cli.options import Output
from modelyard_client.cli.progress import wait_for_job
from modelyard_client.cli.terminal import format_pairs, print_facts, print_json
from modelyard_client.errors import JobFailed

if TYPE_CHECKING:
    from collections.abc import Mapping

    from modelyard_client.client import Client
    from modelyard_client.jobs import Job, Submission


def tell_accepted(submission: "Submission", output: Output) -> None:
    """The job that was accepted, without waiting for it."""
    if output is Output.JSON:
        print_json(submission)
        return
    print_facts(
        {
            "job": submission.job_id,
            "model": submission.model_name,
            "status": submission.status,
            "next": f"modelyard logs {submission.job_id} --follow",
        }
    )


def tell_end(
    client: "Client", submission: "Submission", *, output: Output, shows_log: bool, seconds: float | None
) -> None:
    """Wait for the job, and print its result.

    Raises:
        CommandError: it did not succeed; printed after the job itself.
    """
    job = wait_for_job(client, submission.job_id, shows_log=shows_log, seconds=seconds)
    if output is Output.JSON:
        print_json(job)
    elif job.is_succeeded or job.deployment_id is not None:
        print_facts(job_facts(job))
    require_success(job)


def require_success(job: "Job") -> None:
    """Raises CommandError when the job did not end well."""
    try:
        job.require_success()
    except JobFailed as error:
        raise CommandError(f"{error.message.rstrip('.')}; {_next(job)}") from error


def _next(job: "Job") -> str:
    """What can be done now."""
    log = f"`modelyard logs {job.job_id}` shows its log"
    if job.deployment_id is not None:
        log += f", `modelyard logs {job.deployment_id}` that of the model server"
    if job.error is None or job.error.remedy is None:
        return log
    choose = ""
    if job.error.code == "several_models_logged":
        choose = "choose one with --logged-model, or the best with --best-of METRIC; "
    return f"{choose}`{job.error.remedy}` registers without training again; {log}"


def job_facts(job: "Job") -> dict[str, object]:
    """One job as a list of facts."""
    return {
        "job": job.job_id,
        "kind": job.kind,
        "status": job.state,
        "phase": None if job.is_finished else job.phase,
        "model": job.model_name,
        "version": job.model_version,
        **_retraining_facts(job.retraining or {}),
        "run": job.run_id,
        **_source_facts(job.source or {}),
        "chosen": _chosen(job),
        "experiment": job.experiment_name,
        "deployment": job.deployment_id,
        "url": job.deployment_url,
        "stable url": job.api_url,
        "error": job.error.message if job.error else None,
        "created": job.created_at,
        "seconds": job.duration_seconds,
    }


def _retraining_facts(found: "Mapping[str, Any]") -> dict[str, object]:
    """How a retrained version stands: none of it for a job that retrains nothing."""
    if not found:
        return {}
    is_staged = {True: "yes", False: "no"}.get(found.get("is_staged"))  # type: ignore[arg-type]  # None where open.
    return {
        "retrained from": f"version {found['parent_version']}",
        "compared with": None
        if (number := found["production_version"]) is None
        else f"version {number}, in production",
        "standing": found["standing"],
        "recommendation": found["recommendation"],
        "staged": None if is_staged is None else f"{is_staged}: {found['stage_reason']}",
    }


def _source_facts(source: "Mapping[str, Any]") -> dict[str, object]:
    """What the job runs: none of it for a job without a script."""
    if not source:
        return {}
    commit = source.get("git_commit")
    return {
        "script": shlex.join([source["script_name"], *source.get("arguments", [])]),
        "parameters": ", ".join(f"{name}={json.dumps(value)}" for name, value in source.get("parameters", {}).items()),
        "script sha256": source.get("script_sha256"),
        "project": source.get("project"),
        "environment": format_pairs(source.get("environment", {})),
        "secrets": ", ".join(source.get("secrets", [])),
        "requirements": ", ".join(source.get("requirements", [])),
        "python": source.get("requires_python"),
        "commit": f"{commit}, with changes" if commit and source.get("git_is_dirty") else commit,
    }


def _chosen(job: "Job") -> str | None:
    """Which of several models, by what, and which not."""
    if job.selection is None:
        return None
    by = f" by {job.selection['metric']}" if job.selection["metric"] else ""
    others = ", ".join(_model(one) for one in job.selection["others"])
    return f"{_model(job.selection['chosen'])}{by}; not {others}"


def _model(one: "Mapping[str, Any]") -> str:
    value = "" if one["value"] is None else f" ({one['value']:g})"
    return f"{one['name']} of run {one['run_id'] or '-'}{value}"
