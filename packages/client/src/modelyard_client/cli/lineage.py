"""`modelyard models lineage`: a version's way, or the versions that came of something."""

import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.options import HomeOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import print_facts, print_json, print_table
from modelyard_client.cli.version_reference import name_and_version


def lineage(
    version: Annotated[str | None, typer.Argument(help="A version, like churn/3.", metavar="MODEL/VERSION")] = None,
    *,
    run: Annotated[str | None, typer.Option("--run", help="What came of this run.", metavar="ID")] = None,
    job: Annotated[str | None, typer.Option("--job", help="What this job made.", metavar="ID")] = None,
    script: Annotated[
        Path | None,
        typer.Option("--script", help="What this script made.", metavar="FILE", exists=True, dir_okay=False),
    ] = None,
    deployment: Annotated[str | None, typer.Option("--deployment", help="What this serves.", metavar="ID")] = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show from what a version came and to where it went, or which versions came of something.

    \b
    Examples:
      modelyard models lineage churn/3
      modelyard models lineage --script train_churn.py
      modelyard models lineage --run 4f6c0d1e2b3a4958a7b6c5d4e3f20119 --output json
    """
    if [version, run, job, script, deployment].count(None) != 4:
        raise typer.BadParameter("expected exactly one of MODEL/VERSION, --run, --job, --script and --deployment")
    if version is not None:
        name, number = name_and_version(version)
        with connect(url, home) as client:
            _print(client.versions.lineage(name, number), output)
        return
    digest = None if script is None else _digest(script)
    with connect(url, home) as client:
        found = client.versions.made_from(run_id=run, job_id=job, script_sha256=digest, deployment_id=deployment)
    if output is Output.JSON:
        print_json({"versions": [{"name": name, "version": number} for name, number in found]})
    else:
        print_table(("model", "version"), found)


def _digest(script: Path) -> str:
    try:
        return hashlib.sha256(script.read_bytes()).hexdigest()
    except OSError as error:
        raise typer.BadParameter(f"--script: cannot read {script}: {error.strerror}") from error


def _print(way: Mapping[str, Any], output: Output) -> None:
    if output is Output.JSON:
        print_json(way)
        return
    job, script, run, image = (way.get(key) or {} for key in ("job", "script", "run", "image"))
    print_facts(
        {
            "version": "{name}/{version}".format_map(way["version"]),
            "retrained from": way.get("parent_version"),
            "retrained as": ", ".join("{name}/{version}".format_map(each) for each in way.get("retrained_as", ())),
            "registered by": way.get("registered_by"),
            "job": job.get("job_id"),
            "script": " ".join(filter(None, (script.get("name"), script.get("sha256")))),
            "run": run.get("run_id"),
            "experiment": run.get("experiment_name"),
            "data": ", ".join(f"{data['name']} ({data['digest']})" for data in run.get("data", ())),
            "image": image.get("reference"),
            "deployments": ", ".join(f"{each['deployment_id']} ({each['status']})" for each in way["deployments"]),
        }
    )
