"""`modelyard new`: the project of a model from a template, and what a newer template would change in one."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from modelyard_client.cli.options import Output, OutputOption
from modelyard_client.cli.terminal import clean, print_facts, print_json, print_line, say
from modelyard_client.project_template.answers import Answers, Kind

if TYPE_CHECKING:
    from modelyard_client.project_template import Change

FolderArgument = Annotated[
    Path | None, typer.Argument(help="Where the project is made, or with --diff where it is.", metavar="FOLDER")
]
KindOption = Annotated[
    Kind | None, typer.Option("--kind", "-k", help="What it trains with; sklearn at first.", show_default=False)
]
NameOption = Annotated[
    str | None, typer.Option("--name", help="The model's name; else the folder's.", metavar="NAME", show_default=False)
]
RegistryOption = Annotated[
    str | None,
    typer.Option(
        "--registry",
        help="The repository of its images; else that of the project at ghcr.io.",
        metavar="HOST/OWNER/NAME",
        show_default=False,
    ),
]
GithubOption = Annotated[
    bool | None,
    typer.Option("--github/--no-github", help="With or without a workflow of GitHub Actions.", show_default=False),
]
DiffOption = Annotated[
    bool, typer.Option("--diff", help="Show what this release's template would change in a project. Writes nothing.")
]


def new(
    folder: FolderArgument = None,
    *,
    kind: KindOption = None,
    name: NameOption = None,
    registry: RegistryOption = None,
    github: GithubOption = None,
    diff: DiffOption = False,
    output: OutputOption = Output.TABLE,
) -> None:
    """Make the project of a model: training, tests of the served model, an image without Docker, GitHub Actions.

    \b
    Examples:
      modelyard new churn
      modelyard new churn --kind xgboost --registry ghcr.io/example/churn
      modelyard new --diff ./churn
    """
    if diff:
        if (kind, name, registry, github) != (None, None, None, None):
            raise typer.BadParameter("--diff takes the answers that the project was made with: no other option")
        _show_changes(folder or Path(), output)
        return
    if folder is None:
        raise typer.BadParameter("expected FOLDER, where the project is made")
    answers = Answers(
        kind=kind or Kind.SKLEARN,
        name=folder.absolute().name if name is None else name,
        registry=registry,
        github=github is not False,
    )
    _make(folder, answers, output)


def _make(folder: Path, answers: Answers, output: Output) -> None:
    from modelyard_client.project_template import render_project, write_project

    files = render_project(answers)
    write_project(folder, files)
    if output is Output.JSON:
        print_json({"folder": str(folder), "answers": answers.to_json(), "files": [str(path) for path in files]})
        return
    print_facts({"project": str(folder), "kind": answers.kind.value, "model": answers.name, "files": len(files)})
    say(f"Next: cd {folder} && make test")


def _show_changes(folder: Path, output: Output) -> None:
    from modelyard_client.project_template import render_project, template_changes
    from modelyard_client.project_template.record import Record

    record = Record.read(folder)
    changes = list(template_changes(folder, record, render_project(record.answers)))
    if output is Output.JSON:
        print_json({"template": record.template, "changes": [_change_json(change) for change in changes]})
        return
    for change in changes:
        for line in change.diff.splitlines():
            print_line(clean(line))
    edited = [str(change.path) for change in changes if change.is_edited]
    if edited:
        say(f"Edited since the project was made, so that their diffs take that back too: {', '.join(edited)}")
    if not changes:
        say(f"The template of this release changes nothing in {folder}.")


def _change_json(change: "Change") -> dict[str, object]:
    return {"path": str(change.path), "is_edited": change.is_edited, "diff": change.diff}
