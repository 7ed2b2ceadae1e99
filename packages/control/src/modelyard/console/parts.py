"""The console, put together: what the application takes of it."""

from collections.abc import Sequence

from fastapi.responses import Response
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware

from modelyard.console import login
from modelyard.console.addresses import PREFIX, Addresses
from modelyard.console.identity_login import Identity, LoginPage, identity_routes
from modelyard.console.login import login_routes
from modelyard.console.pages.activity import activity_routes
from modelyard.console.pages.apis import api_routes
from modelyard.console.pages.approvals import approval_routes
from modelyard.console.pages.deletion import deletion_routes
from modelyard.console.pages.deploying import deploying_routes
from modelyard.console.pages.deployments import deployment_routes
from modelyard.console.pages.gateway import gateway_routes
from modelyard.console.pages.jobs import job_routes
from modelyard.console.pages.members import member_routes, token_routes
from modelyard.console.pages.model import model_routes
from modelyard.console.pages.models import model_list_routes
from modelyard.console.pages.notebooks import notebook_routes
from modelyard.console.pages.now import now_routes
from modelyard.console.pages.policies import policy_routes
from modelyard.console.pages.rollouts import rollout_routes
from modelyard.console.pages.schedules import schedule_routes
from modelyard.console.pages.settings import settings_routes
from modelyard.console.pages.subscriptions import subscription_routes
from modelyard.console.pages.trying import trying_routes
from modelyard.console.pages.uploads import STREAMED, upload_routes
from modelyard.console.pages.versions import version_routes
from modelyard.console.pages.webhooks import webhook_routes
from modelyard.console.passing import passing_routes
from modelyard.console.rendering import Pages
from modelyard.console.routing import page_router
from modelyard.console.session import ConsoleSession, Sessions
from modelyard.console.static_files import StaticFiles
from modelyard.http import app
from modelyard.http.routing import APIRouter


def console(*, sessions: Sessions, identity: Identity | None = None, base: str = "") -> app.Pages:
    """The console's pages.

    Args:
        identity: where people log in besides with a token.
        base: the path at which a proxy shows the whole server, without a slash at its end.
    """
    addresses, static = Addresses(base), StaticFiles()
    pages = Pages(static=static, addresses=addresses)
    public = login.PUBLIC | static.paths
    login_page = LoginPage(pages, None if identity is None else identity.title)
    logins = [login_routes(pages, sessions, login_page)]
    if identity is not None:
        logins.append(identity_routes(pages, identity, login_page))
    groups: Sequence[APIRouter] = [
        now_routes(pages),
        model_list_routes(pages),
        upload_routes(pages),
        version_routes(pages),
        policy_routes(pages),
        deletion_routes(pages),
        model_routes(pages),
        approval_routes(pages),
        job_routes(pages),
        notebook_routes(pages),
        deploying_routes(pages),
        trying_routes(pages),
        deployment_routes(pages),
        api_routes(pages),
        gateway_routes(pages),
        subscription_routes(pages),
        rollout_routes(pages),
        schedule_routes(pages),
        activity_routes(pages),
        settings_routes(pages),
        member_routes(pages),
        token_routes(pages),
        webhook_routes(pages),
        _nothing(pages),
    ]
    return app.Pages(
        routers=[static.routes(), *logins, passing_routes(), *groups],
        public=public,
        forms=(f"{PREFIX}/",),
        streamed=STREAMED,
        middleware=[Middleware(ConsoleSession, sessions=sessions, addresses=addresses, public=public)],
    )


def _nothing(pages: Pages) -> APIRouter:
    """Every other address below the console's: it comes last."""
    router = page_router(pages)

    @router.get(f"{PREFIX}/{{rest:path}}")
    async def nothing(rest: str) -> Response:
        raise HTTPException(404, f"there is no page '{rest[:100]}'")

    return router
