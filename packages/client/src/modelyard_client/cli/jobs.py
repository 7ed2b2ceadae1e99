"""`modelyard jobs`: list, show, cancel, notebook."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.job_end import job_facts
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import age, print_facts, print_json, print_table, say, span

if TYPE_CHECKING:
    from modelyard_client.jobs import Job

app = typer.Typer(cls=NounGroup, rich_markup_mode=None, help="Jobs: list (the default), show, cancel, notebook.")

JobArgument = Annotated[str, typer.Argument(help="The job's id.", metavar="JOB")]


@app.command("list")
def list_jobs(
    *,
    kind: Annotated[
        str | None, typer.Option("--kind", help="training, one_click or deployment.", metavar="KIND")
    ] = None,
    status: Annotated[
        str | None, typer.Option("--status", help="queued, running, succeeded, failed or cancelled.", metavar="STATUS")
    ] = None,
    model: Annotated[str | None, typer.Option("--model", "-m", help="Only for this model.", metavar="NAME")] = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List jobs, the newest first.

    \b
    Examples:
      modelyard jobs
      modelyard jobs list --status failed --limit 10
      modelyard jobs list --model churn --output json
    """
    with connect(url, home) as client:
        found = list(client.jobs.list(kind=kind, status=status, model_name=model, limit=limit))
    if output is Output.JSON:
        print_json({"jobs": found})
    else:
        print_table(("job", "kind", "model", "version", "status", "phase", "age", "took"), map(_row, found))


@app.command()
def show(
    job: JobArgument,
    *,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show one job.

    \b
    Examples:
      modelyard jobs show JOB
      modelyard jobs show JOB --output json
    """
    with connect(url, home) as client:
        print_one(client.jobs.get(job), output)


@app.command()
def cancel(
    job: JobArgument,
    *,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Ask a job to stop. A job that has ended is left as it is (exit code 6).

    \b
    Examples:
      modelyard jobs cancel JOB
    """
    with connect(url, home) as client:
        print_one(client.jobs.cancel(job), output)


@app.command()
def notebook(
    job: JobArgument,
    *,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Where to write it; else it is printed.", metavar="FILE")
    ] = None,
    html: Annotated[bool, typer.Option("--html", help="As a page for a browser.")] = False,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Write the executed notebook of a job that has ended, well or not.

    \b
    Examples:
      modelyard jobs notebook JOB --output executed.ipynb
      modelyard jobs notebook JOB --html --output executed.html
    """
    from modelyard_client.whole_files import draft_of

    with connect(url, home) as client:
        content = client.jobs.notebook_page(job) if html else client.jobs.notebook(job)
    if output is None:
        sys.stdout.buffer.write(content)
        return
    with draft_of(output) as draft:
        draft.write_bytes(content)
    say(f"wrote {output}")


def print_one(job: "Job", output: Output) -> None:
    """One job, on stdout."""
    if output is Output.JSON:
        print_json(job)
    else:
        print_facts(job_facts(job))


def _row(job: "Job") -> tuple[object, ...]:
    phase = None if job.is_finished else job.phase
    return (
        job.job_id,
        job.kind,
        job.model_name,
        job.model_version,
        job.state,
        phase,
        age(job.created_at),
        span(job.duration_seconds),
    )
