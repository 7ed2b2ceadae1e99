"""`modelyard apis`: list, create, show, changes, revise, offline, online, deprecate, retire, delete; version sets."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.groups import NounGroup
from modelyard_client.cli.options import HomeOption, LimitOption, Output, OutputOption, UrlOption
from modelyard_client.cli.terminal import age, print_facts, print_json, print_table, say

if TYPE_CHECKING:
    from modelyard_client.gateway import Api

app = typer.Typer(
    cls=NounGroup,
    rich_markup_mode=None,
    help="APIs of the gateway: list (the default), create, show, changes, revise, offline, online, deprecate, retire, "
    "delete, sets, create-set.",
)
ApiArgument = Annotated[str, typer.Argument(help="The API's id.", metavar="API")]
RevisionArgument = Annotated[int, typer.Argument(help="The revision's number.", metavar="REVISION", min=1)]
ServiceOption = Annotated[
    str | None, typer.Option("--service-url", help="A server that answers, not one of ours.", metavar="URL")
]
DeploymentOption = Annotated[str | None, typer.Option("--deployment", help="A deployment that answers.", metavar="ID")]
ModelOption = Annotated[str | None, typer.Option("--model", help="A model that answers.", metavar="NAME")]
NumberOption = Annotated[int | None, typer.Option("--model-version", help="Which version of the model.", metavar="N")]
StageOption = Annotated[
    str | None, typer.Option("--stage", help="The model's version in this stage: production, staging.", metavar="STAGE")
]


@app.command("list")
def list_apis(
    *, limit: LimitOption = 50, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """List APIs.

    \b
    Examples:
      modelyard apis
    """
    with connect(url, home) as client:
        found = list(client.gateway.apis(limit=limit))
    if output is Output.JSON:
        print_json({"apis": found})
        return
    print_table(
        ("api", "path", "version", "status", "revision"),
        ((api.api_id, api.path, api.api_version or "-", api.status, api.current_revision or "-") for api in found),
    )


@app.command()
def create(
    api: ApiArgument,
    path: Annotated[str, typer.Argument(help="Where callers find it: ml-model.", metavar="PATH")],
    *,
    service_url: ServiceOption = None,
    deployment: DeploymentOption = None,
    model: ModelOption = None,
    model_version: NumberOption = None,
    stage: StageOption = None,
    name: Annotated[str | None, typer.Option("--name", help="What people call it.", metavar="TEXT")] = None,
    version: Annotated[str | None, typer.Option("--version", help="Such as v1.", metavar="VERSION")] = None,
    version_set: Annotated[str | None, typer.Option("--set", help="Its version set.", metavar="SET")] = None,
    https_only: Annotated[bool, typer.Option("--https-only", help="Take no plain HTTP.")] = False,
    open_to_all: Annotated[bool, typer.Option("--open", help="Need no subscription.")] = False,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Make an API. It answers once it is released (modelyard releases create).

    \b
    Examples:
      modelyard apis create churn-v1 churn-api --model churn --stage production --open
      modelyard apis create ml-model-v1 ml-model --version v1 --set ml-model --service-url http://backend-for-ml-model-v1
    """
    target = _target(service_url, deployment, model, model_version, stage)
    versioned = {} if version is None else {"api_version": version}
    versioned |= {} if version_set is None else {"api_version_set_id": version_set}
    with connect(url, home) as client:
        made = client.gateway.create_api(
            api,
            path=path,
            display_name=name,
            protocols=["https"] if https_only else ["http", "https"],
            subscription_required=not open_to_all,
            **target,
            **versioned,
        )
    _print(made, output)


@app.command()
def show(
    api: ApiArgument, *, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """Show an API and its revisions.

    \b
    Examples:
      modelyard apis show churn-v1
    """
    with connect(url, home) as client:
        found, revisions = client.gateway.api(api), client.gateway.revisions(api)
    if output is Output.JSON:
        print_json({"api": found, "revisions": revisions})
        return
    _print(found, output)
    print_table(
        ("revision", "target", "online", "by"),
        ((each.api_revision, _shown(each.target), each.is_online, each.created_by) for each in revisions),
    )


@app.command()
def changes(
    api: ApiArgument,
    *,
    limit: LimitOption = 50,
    output: OutputOption = Output.TABLE,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Show what changed for callers of an API, newest first.

    A subscription key in MODELYARD_TOKEN will do, for the APIs that it opens.

    \b
    Examples:
      modelyard apis changes churn-v1
    """
    with connect(url, home) as client:
        found = list(client.gateway.changes(api, limit=limit))
    if output is Output.JSON:
        print_json({"changes": found})
        return
    print_table(
        ("release", "cause", "notes", "model", "version", "age"),
        (
            (
                each.release_id,
                each.cause,
                each.api_release_notes,
                each.model_name,
                each.model_version,
                age(each.released_at),
            )
            for each in found
        ),
    )


@app.command()
def revise(
    api: ApiArgument,
    *,
    service_url: ServiceOption = None,
    deployment: DeploymentOption = None,
    model: ModelOption = None,
    model_version: NumberOption = None,
    stage: StageOption = None,
    description: Annotated[str, typer.Option("--description", help="What is new in it.", metavar="TEXT")] = "",
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Make another revision of an API, to try behind ;rev=N before it is released.

    \b
    Examples:
      modelyard apis revise churn-v1 --model churn --model-version 4
    """
    target = _target(service_url, deployment, model, model_version, stage)
    with connect(url, home) as client:
        made = client.gateway.create_revision(api, description=description, **target)
    number = made.api_revision
    say(f"revision {number} answers behind ;rev={number}; modelyard releases create {api} releases it")


@app.command()
def offline(api: ApiArgument, revision: RevisionArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Let a revision answer behind ;rev=N no more. An API has 100 revisions online at most.

    \b
    Examples:
      modelyard apis offline churn-v1 2
    """
    with connect(url, home) as client:
        client.gateway.set_revision_online(api, revision, is_online=False)
    say(f"revision {revision} of API {api} is offline")


@app.command()
def online(api: ApiArgument, revision: RevisionArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Let a revision answer behind ;rev=N again.

    \b
    Examples:
      modelyard apis online churn-v1 2
    """
    with connect(url, home) as client:
        client.gateway.set_revision_online(api, revision, is_online=True)
    say(f"revision {revision} answers behind ;rev={revision}")


@app.command()
def deprecate(
    api: ApiArgument,
    *,
    sunset: Annotated[str | None, typer.Option("--sunset", help="When it ends (ISO 8601).", metavar="TIME")] = None,
    successor: Annotated[str | None, typer.Option("--successor", help="The API to go to.", metavar="API")] = None,
    notice: Annotated[str | None, typer.Option("--notice", help="A page for people about it.", metavar="URL")] = None,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Tell callers in every answer that an API ends, and when.

    \b
    Examples:
      modelyard apis deprecate churn-v1 --sunset 2027-03-31T00:00:00Z --successor churn-v2
    """
    end = {"sunset_at": sunset, "successor": successor, "notice_url": notice}
    with connect(url, home) as client:
        client.gateway.change_api(api, status="deprecated", **{k: v for k, v in end.items() if v is not None})
    say(f"API {api} is deprecated")


@app.command()
def retire(api: ApiArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Answer every request of an API with 410.

    \b
    Examples:
      modelyard apis retire churn-v1
    """
    with connect(url, home) as client:
        client.gateway.change_api(api, status="retired")
    say(f"API {api} is retired")


@app.command()
def delete(api: ApiArgument, *, url: UrlOption = None, home: HomeOption = None) -> None:
    """Delete an API with its revisions and releases.

    \b
    Examples:
      modelyard apis delete churn-v1
    """
    with connect(url, home) as client:
        client.gateway.delete_api(api)
    say(f"API {api} is deleted")


@app.command()
def sets(
    *, limit: LimitOption = 50, output: OutputOption = Output.TABLE, url: UrlOption = None, home: HomeOption = None
) -> None:
    """List version sets.

    \b
    Examples:
      modelyard apis sets
    """
    with connect(url, home) as client:
        found = list(client.gateway.version_sets(limit=limit))
    if output is Output.JSON:
        print_json({"version_sets": found})
        return
    print_table(
        ("set", "name", "scheme", "parameter", "without a version"),
        (
            (
                each.version_set_id,
                each.display_name,
                each.versioning_scheme,
                each.version_header_name or each.version_query_name or "-",
                each.default_version or each.on_missing,
            )
            for each in found
        ),
    )


@app.command("create-set")
def create_set(
    name: Annotated[str, typer.Argument(help="What people call it.", metavar="NAME")],
    *,
    set_id: Annotated[str | None, typer.Option("--id", help="Else made of the name.", metavar="SET")] = None,
    scheme: Annotated[str, typer.Option("--scheme", help="Segment, Header or Query.", metavar="SCHEME")] = "Segment",
    header: Annotated[str | None, typer.Option("--header", help="With Header: its name.", metavar="NAME")] = None,
    query: Annotated[str | None, typer.Option("--query", help="With Query: its name.", metavar="NAME")] = None,
    default: Annotated[
        str | None, typer.Option("--default", help="The version of requests that name none.", metavar="VERSION")
    ] = None,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Make a version set.

    \b
    Examples:
      modelyard apis create-set 'ML Model Serving Versions'
      modelyard apis create-set Risk --scheme Header --header Api-Version --default v2
    """
    given: dict[str, Any] = {"version_set_id": set_id, "version_header_name": header, "version_query_name": query}
    if default is not None:
        given |= {"on_missing": "default", "default_version": default}
    with connect(url, home) as client:
        made = client.gateway.create_version_set(name, scheme, **{k: v for k, v in given.items() if v is not None})
    say(f"version set {made.version_set_id} is made")


def _target(
    service_url: str | None, deployment: str | None, model: str | None, version: int | None, stage: str | None
) -> dict[str, Any]:
    given = {
        "service_url": service_url,
        "deployment_id": deployment,
        "model_name": model,
        "version": version,
        "stage": stage,
    }
    return {name: value for name, value in given.items() if value is not None}


def _shown(target: Any) -> str:
    return ", ".join(f"{name} {value}" for name, value in target.items() if value is not None)


def _print(api: "Api", output: Output) -> None:
    if output is Output.JSON:
        print_json(api)
        return
    print_facts(
        {
            "api": api.api_id,
            "name": api.display_name,
            "path": api.path,
            "version": api.api_version,
            "status": api.status,
            "sunset": api.sunset_at,
            "successor": api.successor,
            "notice": api.notice_url,
            "current revision": api.current_revision or "none: nothing is released yet",
            "refused by the gateway": api.refused,
        }
    )
