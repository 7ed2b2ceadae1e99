"""`modelyard predict`."""

import shlex
import sys
from collections.abc import Mapping
from contextlib import AbstractContextManager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from modelyard_client.cli.connection import connect
from modelyard_client.cli.errors import CommandError, ExitCode, command_error
from modelyard_client.cli.options import HomeOption, Output, UrlOption, VersionOption
from modelyard_client.cli.predict_file import Called, FileOptions, predict_into
from modelyard_client.cli.terminal import print_json, print_line, print_table, shown
from modelyard_client.errors import Invalid, Unauthenticated
from modelyard_client.prediction.files import Cells, FileFormat, read_bytes, read_file, without_columns

if TYPE_CHECKING:
    from modelyard_client.prediction.predictor import Prediction, Predictor


def predict(
    model: Annotated[
        str,
        typer.Argument(help="A model's name, a deployment's id, or an address.", metavar="MODEL"),
    ],
    file: Annotated[Path, typer.Argument(help="Rows as JSON, CSV or Parquet; - for stdin.", metavar="FILE")],
    *,
    file_format: Annotated[
        FileFormat | None, typer.Option("--format", help="Else by the file's ending; JSON from stdin.")
    ] = None,
    drop: Annotated[
        list[str] | None,
        typer.Option("--drop", help="A column to leave out, such as the label; may be repeated.", metavar="COLUMN"),
    ] = None,
    version: VersionOption = None,
    key: Annotated[
        str | None,
        typer.Option(
            envvar="MODELYARD_SUBSCRIPTION_KEY",
            help="Of a subscription, where the gateway asks for one.",
            show_envvar=True,
            metavar="KEY",
        ),
    ] = None,
    output: Annotated[
        str,
        typer.Option(
            "--output",
            "-o",
            help="A table for people, JSON for programs, or a file to predict into: .parquet, .csv, .arrow.",
            metavar="table|json|FILE",
        ),
    ] = Output.TABLE,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--columns",
            help="A column that the output file has too; else those that the model does not take.",
            metavar="COLUMN",
        ),
    ] = None,
    outputs: Annotated[
        list[str] | None,
        typer.Option("--outputs", help="An output of the model, such as probabilities; into a file.", metavar="NAME"),
    ] = None,
    in_flight: Annotated[
        int | None, typer.Option("--in-flight", min=1, help="Requests under way at once, into a file; 4.", metavar="N")
    ] = None,
    share: Annotated[
        str | None,
        typer.Option("--share", help="Only this share of the rows, into a file of its own.", metavar="INDEX/COUNT"),
    ] = None,
    restart: Annotated[bool, typer.Option("--restart", help="Begin an output file anew.")] = False,
    url: UrlOption = None,
    home: HomeOption = None,
) -> None:
    """Predict the rows of a file with a deployed model.

    A model's name leads to its stable address at the gateway: to the version in production, else to the newest that
    serves, or to --version. A deployment's id leads to its model server; so does a name where there is no gateway.

    With a file as --output, files larger than memory (Parquet, CSV, Arrow IPC) are predicted in parts, beside the
    output until it is whole. The same command, after it was killed, goes on where it was; each row is there once.

    JSON may be columns ({"age": [31, 45]}), records ([{"age": 31}, …]), rows, or a whole request of /predict. CSV
    begins with a line of column names; its cells are read as the types that the model declares.

    \b
    Examples:
      modelyard predict churn rows.csv
      modelyard predict churn rows.csv --version 3
      modelyard predict churn rows.parquet --drop label --output json
      echo '{"age": [31, 45]}' | modelyard predict churn -
      modelyard predict churn customers.parquet --output scores.parquet --columns customer_id
    """
    options = FileOptions(columns or None, outputs or None, in_flight, share, restart)
    place = _file_of(output)
    if place is not None:
        if file_format is not None:
            raise typer.BadParameter("--format has no meaning with a file as --output: endings say what files are")
        called = Called(model, version=version, key=key, url=url, home=home)
        predict_into(place, file, called, drop=drop or (), options=options)
        return
    options.refuse()
    if file == Path("-"):
        rows = read_bytes(sys.stdin.buffer.read(), file_format or FileFormat.JSON)
    else:
        rows = read_file(file, file_format)
    with _predictor(model, version=version, key=key, url=url, home=home) as predictor:
        kept = without_columns(rows, drop or ())
        try:
            prediction = predictor.predict(kept)
        except Invalid as error:
            raise _with_hint(error, kept, predictor) from error
        except Unauthenticated as error:
            raise CommandError(f"{error.message}; give it with --key", exit_code=ExitCode.DENIED) from error
    if output == Output.JSON:
        print_json(prediction)
    else:
        _print(prediction)


def _file_of(output: str) -> Path | None:
    """The file to predict into; None for what goes to stdout."""
    if output in {Output.TABLE, Output.JSON}:
        return None
    place = Path(output)
    if not place.suffix:
        raise typer.BadParameter(f"--output: expected table, json, or a file like scores.parquet, got {output!r}")
    return place


def _with_hint(error: Invalid, rows: object, predictor: "Predictor") -> CommandError:
    """The refusal; where the file has columns that the model does not take, with what leaves them out."""
    command_failure = command_error(error)
    columns = rows.columns if isinstance(rows, Cells) else rows
    if not isinstance(columns, Mapping):
        return command_failure
    inputs = predictor.inputs
    extra = [name for name in columns if name not in {tensor.name for tensor in inputs}]
    if extra and len(extra) < len(columns):
        options = " ".join(f"--drop {shlex.quote(name)}" for name in extra)
        return CommandError(
            f"{command_failure.message}; {options} leaves out what the model does not take", exit_code=2
        )
    if len(inputs) == 1 and 0 < inputs[0].shape[-1] < len(columns):  # One array, of columns of any name.
        hint = f"the model takes {inputs[0].shape[-1]} columns, and --drop COLUMN leaves one out, such as the label"
        return CommandError(f"{command_failure.message}; {hint}", exit_code=2)
    return command_failure


def _predictor(
    reference: str, *, version: int | None, key: str | None, url: str | None, home: Path | None
) -> AbstractContextManager["Predictor"]:
    from modelyard_client.prediction.predictor import Predictor

    if reference.startswith(("http://", "https://")):
        if version is not None:
            raise typer.BadParameter("--version has no meaning with an address")
        return Predictor(reference, key=key)
    with connect(url, home) as client:
        return client.deployments.predictor(reference, version=version, key=key)


def _print(prediction: "Prediction") -> None:
    columns: Mapping[str, Any] = prediction.outputs or {"prediction": prediction.predictions}
    if not all(isinstance(values, list) for values in columns.values()) or len(set(map(len, columns.values()))) > 1:
        print_line(shown(prediction.outputs or prediction.predictions))  # Not a value for each row.
        return
    rows = zip(*columns.values(), strict=True)
    print_table(("row", *columns), ((number, *row) for number, row in enumerate(rows, start=1)))
