"""`modelyard models`: list and search, show, edit."""

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
from modelyard_client.cli.options import (
    HomeOption,
    LimitOption,
    Output,
    OutputOption,
    RevisionOption,
    UrlOption,
    VersionOption,
)
from modelyard_client.cli.terminal import age, format_pairs, print_facts, print_json, print_line, print_table
from modelyard_client.errors import NotFound

if TYPE_CHECKING:
    from modelyard_client import Client
    from modelyard_client.models import Bundle, Model, Version

app = typer.Typer(
    cls=NounGroup, rich_markup_mode=None, help="Registered models: list (the default), show, edit, lineage."
)


@app.command("list")
def list_models(
    *,
    tag: TagFilterOption = None,
    metric: MetricFilterOption = None,
    stage: StageFilterOption = None,
    text: TextOption = None,
    owner: Annotated[str | None, typer.Option("--owner", help="Only those of this owner.", metavar="NAME")] = None,
    order: OrderOption = None,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """List registered models, all or those that meet every filter.

    \b
    Examples:
      modelyard models
      modelyard models list --output json
      modelyard models list --tag team=growth --metric "auc>=0.9" --stage production
      modelyard models list --owner ada --order=-last_updated
    """
    with connect(url, home) as client:
        found = list(
            client.models.search(
                stage=stage,
                tags=pairs(tag, option="--tag"),
                metrics=metric or (),
                text=text,
                owner=owner,
                order=order,
                limit=limit,
            )
        )
    if output is Output.JSON:
        print_json({"models": found})
        return
    print_table(
        ("model", "latest", "production", "staging", "updated"),
        (
            (model.name, model.latest_version, model.production_version, model.staging_version, age(model.last_updated))
            for model in found
        ),
    )


@app.command()
def show(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    *,
    version: VersionOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show a model with its versions, or one version of it.

    \b
    Examples:
      modelyard models show churn
      modelyard models show churn --version 3 --output json
    """
    with connect(url, home) as client:
        found = client.models.get(model)
        bundle = None if version is None or output is Output.JSON else _bundle(client, model, version)
    shown: Model | Version = found if version is None else _version(found, version)
    if output is Output.JSON:
        print_json(shown)
    elif version is None:
        _tell_model(found)
    else:
        _tell_version(_version(found, version), bundle)


@app.command()
def edit(
    model: Annotated[str, typer.Argument(help="The model's name.", metavar="MODEL")],
    *,
    description: DescriptionOption = None,
    tag: TagOption = None,
    remove_tag: RemoveTagOption = None,
    owner: Annotated[
        list[str] | None, typer.Option("--owner", help="Who owns it, in place of those before.", metavar="NAME")
    ] = None,
    revision: RevisionOption = None,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Change a model's description, tags or owners.

    \b
    Examples:
      modelyard models edit churn --description "Who will leave." --owner ada --owner bob
      modelyard models edit churn --tag team=growth --remove-tag draft
    """
    changes = tag_changes(tag, remove_tag)
    with connect(url, home) as client:
        seen = client.models.revision(model) if revision is None else revision
        edited = client.models.edit(model, description=description, tags=changes, owners=owner, revision=seen)
    if output is Output.JSON:
        print_json(edited)
    else:
        _tell_facts(edited)


def _bundle(client: "Client", model: str, version: int) -> "Bundle | None":
    """What the version was built to; None before it was."""
    try:
        return client.models.bundle(model, version)
    except NotFound:
        return None


def _version(model: "Model", number: int) -> "Version":
    for version in model.versions:
        if version.version == number:
            return version
    raise NotFound(f"model {model.name} has no version {number}", code="version_not_found", field="version")


def _tell_model(model: "Model") -> None:
    _tell_facts(model)
    print_line("")
    print_table(
        ("version", "stage", "metrics", "run", "age"),
        (
            (version.version, version.stage, format_pairs(version.metrics), version.run_id, age(version.created_at))
            for version in model.versions
        ),
    )


def _tell_facts(model: "Model") -> None:
    print_facts(
        {
            "model": model.name,
            "label": model.label,
            "description": model.description,
            "latest": model.latest_version,
            "production": model.production_version,
            "staging": model.staging_version,
            "tags": format_pairs(model.tags),
            "owners": ", ".join(model.owners),
            "revision": model.revision,
            "created": model.created_at,
        }
    )


def _tell_version(version: "Version", bundle: "Bundle | None") -> None:
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
            "served as": None if bundle is None else _served_as(bundle),
            "created": version.created_at,
            "created by": version.created_by,
        }
    )


def _served_as(bundle: "Bundle") -> str:
    """The runtime, and what came of the compilation."""
    report = bundle.compilation or {}
    if bundle.is_compiled:
        speed = (report.get("speed") or [{}])[0].get("speed_up", "?")
        return f"{bundle.runtime}, compiled: one row is {speed} times as fast"
    reasons = report.get("reasons") or []
    return f"{bundle.runtime}, not compiled" + (f": {reasons[-1]}" if reasons else "")
