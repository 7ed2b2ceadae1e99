"""The tree of commands. One module for each command; their order here is the order in the help."""

from typing import Annotated

import typer

from modelyard_client import __version__
from modelyard_client.cli.apis import app as apis
from modelyard_client.cli.apply import apply
from modelyard_client.cli.audit import app as audit
from modelyard_client.cli.compare import compare
from modelyard_client.cli.decisions import approve, reject, withdraw
from modelyard_client.cli.delete import delete, undelete
from modelyard_client.cli.deploy import deploy
from modelyard_client.cli.deployments import app as deployments
from modelyard_client.cli.gateway import app as gateway
from modelyard_client.cli.gateway_status import explain
from modelyard_client.cli.groups import RootGroup
from modelyard_client.cli.holds import app as holds
from modelyard_client.cli.images import app as images
from modelyard_client.cli.jobs import app as jobs
from modelyard_client.cli.lineage import lineage
from modelyard_client.cli.logs import logs
from modelyard_client.cli.members import app as members
from modelyard_client.cli.mirror import app as mirror
from modelyard_client.cli.models import app as models
from modelyard_client.cli.new import new
from modelyard_client.cli.outcomes import app as outcomes
from modelyard_client.cli.policy import app as policy
from modelyard_client.cli.predict import predict
from modelyard_client.cli.predict_job import predict_job
from modelyard_client.cli.products import app as products
from modelyard_client.cli.promote import promote, rollback
from modelyard_client.cli.register import register
from modelyard_client.cli.releases import app as releases
from modelyard_client.cli.requests import app as requests
from modelyard_client.cli.retrain import retrain
from modelyard_client.cli.rollouts import app as rollouts
from modelyard_client.cli.scale import scale
from modelyard_client.cli.schedules import app as schedules
from modelyard_client.cli.status import status
from modelyard_client.cli.subscriptions import app as subscriptions
from modelyard_client.cli.tenants import app as tenants
from modelyard_client.cli.tokens import app as tokens
from modelyard_client.cli.tombstones import tombstones
from modelyard_client.cli.traffic import app as traffic
from modelyard_client.cli.train import train
from modelyard_client.cli.undeploy import undeploy
from modelyard_client.cli.versions import app as versions
from modelyard_client.cli.webhooks import app as webhooks

app = typer.Typer(
    name="modelyard",
    cls=RootGroup,
    no_args_is_help=True,
    rich_markup_mode=None,  # Plain help starts three times as fast as Rich's panels.
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["--help", "-h"]},
)


def _show_version(*, is_asked: bool) -> None:
    if is_asked:
        typer.echo(__version__)
        raise typer.Exit


@app.callback()
def modelyard(
    *,
    version: Annotated[  # The option acts by its callback.
        bool,
        typer.Option(
            "--version", help="Show the version.", is_eager=True, callback=lambda asked: _show_version(is_asked=asked)
        ),
    ] = False,
) -> None:
    """From a training script to a governed, versioned production API.

    \b
    Exit codes:
      0  done
      1  the job, the deployment or the server failed
      2  the command line, or what it sends, is wrong
      3  there is no such thing
      4  not let in: no token, a wrong one, or one that does not allow this
      5  nothing answers, or it cannot serve now
      6  the thing is in a state that does not allow this
      7  what was waited for did not happen in time
    """


for command in (new, train, retrain, deploy, undeploy, scale, predict, predict_job, logs):
    app.command()(command)
app.add_typer(jobs, name="jobs")
models.command()(lineage)
app.add_typer(models, name="models")
app.add_typer(versions, name="versions")
app.command()(register)
app.add_typer(images, name="images")
app.add_typer(deployments, name="deployments")
for verb in (compare, promote, approve, reject, withdraw, rollback):
    app.command()(verb)
app.command()(delete)
app.command()(undelete)
app.command()(tombstones)
app.add_typer(holds, name="holds")
app.add_typer(requests, name="requests")
app.add_typer(policy, name="policy")
app.add_typer(rollouts, name="rollouts")
app.add_typer(traffic, name="traffic")
app.add_typer(outcomes, name="outcomes")
app.add_typer(schedules, name="schedules")
app.add_typer(mirror, name="mirror")
app.command()(status)
app.add_typer(tenants, name="tenants")
app.add_typer(members, name="members")
app.add_typer(products, name="products")
app.add_typer(subscriptions, name="subscriptions")
app.add_typer(tokens, name="tokens")
app.add_typer(audit, name="audit")
app.add_typer(webhooks, name="webhooks")
app.add_typer(gateway, name="gateway")
app.command()(apply)
app.add_typer(apis, name="apis")
app.add_typer(releases, name="releases")
app.command()(explain)
