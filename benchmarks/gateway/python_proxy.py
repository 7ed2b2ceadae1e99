"""A reverse proxy in Python, with aiohttp: `python python_proxy.py PORT SERVER_PORT`."""

import sys
from collections.abc import AsyncIterator

from aiohttp import ClientSession, web

_HOP_BY_HOP = {"connection", "content-length", "host", "keep-alive", "transfer-encoding"}


async def forward(request: web.Request) -> web.Response:
    """The server's answer to the same request."""
    session: ClientSession = request.app[SESSION]
    headers = {name: value for name, value in request.headers.items() if name.lower() not in _HOP_BY_HOP}
    url = f"http://127.0.0.1:{request.app[SERVER]}{request.path_qs}"
    async with session.request(request.method, url, headers=headers, data=await request.read()) as answer:
        kept = {name: value for name, value in answer.headers.items() if name.lower() not in _HOP_BY_HOP}
        return web.Response(status=answer.status, body=await answer.read(), headers=kept)


async def session_of(app: web.Application) -> AsyncIterator[None]:
    """Kept connections to the server."""
    async with ClientSession() as session:
        app[SESSION] = session
        yield


SESSION = web.AppKey("session", ClientSession)
SERVER = web.AppKey("server", int)

if __name__ == "__main__":
    application = web.Application(client_max_size=64 * 1024 * 1024)
    application[SERVER] = int(sys.argv[2])
    application.cleanup_ctx.append(session_of)
    application.router.add_route("*", "/{path:.*}", forward)
    web.run_app(application, host="127.0.0.1", port=int(sys.argv[1]), access_log=None, print=None)
