"""`modelyard versions`: list, show, edit, example, artifacts, download."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.catalogue_options import (
    DescriptionOption,
    MetricFilterOption,
    OrderOption,
    RemoveTagOption,
    StageFilterOption,
    TagFilterOption,
    TagOption,
    TextOption,
    pairs,
    tag_changes,
)
from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, RevisionOption, UrlOption
from modelyard_client.cli.terminal import age, format_pairs, print_facts, print_json, print_table, say
from modelyard_client.cli.transfer import transfer_bar
from modelyard_client.cli.version_reference import VersionArgument, name_and_version
from modelyard_client.errors import NotFound

if TYPE_CHECKING:
    from collections.abc import Sequence

    from modelyard_client.models import Version
    from modelyard_client.versions import Artifact

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="Versions of a model: list, show, edit, example, artifacts, download.",
)


@app.command("list")
def list_versions(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    *,
    tag: TagFilterOption = None,
    metric: MetricFilterOption = None,
    stage: StageFilterOption = None,
    text: TextOption = None,
    order: OrderOption = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List versions of a model, newest first.

    \b
    Examples:
      modelyard versions list churn
      modelyard versions list churn --metric "auc>=0.9" --order=-metrics.auc
      modelyard versions list churn --tag team=growth --stage staging --output json
    """
    with connect(url, home) as client:
        found = list(
            client.versions.list(
                model,
                stage=stage,
                tags=pairs(tag, option="--tag"),
                metrics=metric or (),
                text=text,
                order=order,
                limit=limit,
            )
        )
    if output is Output.JSON:
        print_json({"versions": found})
        return
    rows = (
        (each.version, each.stage, format_pairs(each.metrics), format_pairs(each.tags), age(each.created_at))
        for each in found
    )
    print_table(("version", "stage", "metrics", "tags", "age"), rows)


@app.command()
def show(
    version: VersionArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show one version.

    \b
    Examples:
      modelyard versions show churn/3
    """
    with connect(url, home) as client:
        found = client.versions.get(*name_and_version(version))
    _print(found, output)


@app.command()
def edit(
    version: VersionArgument,
    *,
    description: DescriptionOption = None,
    tag: TagOption = None,
    remove_tag: RemoveTagOption = None,
    revision: RevisionOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Change a version's description or tags.

    \b
    Examples:
      modelyard versions edit churn/3 --description "trained on the spring data"
      modelyard versions edit churn/3 --tag reviewed=yes --remove-tag draft
    """
    name, number = name_and_version(version)
    changes = tag_changes(tag, remove_tag)
    with connect(url, home) as client:
        seen = client.versions.get(name, number).revision if revision is None else revision
        edited = client.versions.edit(name, number, description=description, tags=changes, revision=seen)
    _print(edited, output)


@app.command()
def example(version: VersionArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Print a body for /predict: the version's input example, as JSON.

    \b
    Examples:
      modelyard versions example churn/3
      modelyard versions example churn/3 | curl -H 'Content-Type: application/json' -d @- URL/predict
    """
    name, number = name_and_version(version)
    with connect(url, home) as client:
        request = client.versions.example(name, number)
    if request is None:
        raise NotFound(f"version {number} of '{name}' has no input example of at most a megabyte", code="no_example")
    print_json(request)


@app.command()
def artifacts(
    version: VersionArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """List the files of a version.

    \b
    Examples:
      modelyard versions artifacts churn/3
    """
    with connect(url, home) as client:
        found = client.versions.artifacts(*name_and_version(version))
    if output is Output.JSON:
        print_json({"artifacts": found})
        return
    rows = ((each.path, each.role, each.size_bytes, each.sha256[:12]) for each in found)
    print_table(("path", "role", "bytes", "sha256"), rows)


@app.command()
def download(
    version: VersionArgument,
    paths: Annotated[
        list[str] | None,
        typer.Argument(help="Files of it, as `artifacts` lists them; all without any.", metavar="PATH"),
    ] = None,
    *,
    to: Annotated[Path, typer.Option("--to", help="The folder that they go to.", metavar="FOLDER")] = Path(),
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Load files of a version, each compared with its hash.

    \b
    Examples:
      modelyard versions download churn/3 --to churn-3
      modelyard versions download churn/3 metrics.json requirements.txt
    """
    name, number = name_and_version(version)
    with connect(url, home) as client:
        wanted = _wanted(client.versions.artifacts(name, number), paths or [])
        total, arrived = sum(each.size_bytes for each in wanted), 0
        with transfer_bar(version) as update:

            def note(count: int) -> None:
                nonlocal arrived
                arrived += count
                update(arrived, total)

            for each in wanted:
                client.versions.download(name, number, each, to, arrived=note)
    say(f"{len(wanted)} files, {total} bytes, are in {to}")


def _wanted(found: "Sequence[Artifact]", paths: "Sequence[str]") -> "list[Artifact]":
    by_path = {each.path: each for each in found}
    for path in paths:
        if path not in by_path:
            raise NotFound(f"the version has no file {path!r}", code="artifact_not_found", field="path")
    return [by_path[path] for path in paths] if paths else list(found)


def _print(version: "Version", output: Output) -> None:
    if output is Output.JSON:
        print_json(version)
        return
    print_facts(
        {
            "model": version.name,
            "version": version.version,
            "stage": version.stage,
            "description": version.description,
            "artifacts": version.artifact_uri,
            "run": version.run_id,
            "job": version.job_id,
            "metrics": format_pairs(version.measured_metrics),
            "claimed metrics": format_pairs(version.claimed_metrics),
            "parameters": format_pairs(version.parameters),
            "tags": format_pairs(version.tags),
            "script": version.provenance.get("script_name"),
            "data": ", ".join(f"{one['name']} ({one['digest'] or one['source']})" for one in version.datasets),
            "retrained from": version.provenance.get("parent_version"),
            "revision": version.revision,
            "created": version.created_at,
            "created by": version.created_by,
        }
    )
