"""`python -P -m modelyard.gateway_node`: a node of the gateway in this process, until SIGTERM."""

import os
import signal
import sys
from pathlib import Path

from modelyard.errors import ModelyardError
from modelyard.file_lock import open_lock, try_lock
from modelyard.gateway_node.applying import Applying
from modelyard.gateway_node.confirmation import Confirmation
from modelyard.gateway_node.control_plane import HttpControlPlane
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.node import Node
from modelyard.gateway_node.process import NodeEnvoy
from modelyard.gateway_node.resource_files import ResourceFiles
from modelyard.gateway_node.settings import GatewayNodeSettings
from modelyard.home import Home
from modelyard.logs import configure_logs


def main() -> None:
    """Serve until a signal comes."""
    configure_logs(sys.stderr)
    home = Home(Path(os.environ.get("MODELYARD_HOME") or "~/.modelyard").expanduser().absolute())
    try:
        settings = GatewayNodeSettings()
        folder = NodeFolder(home.gateway)
        folder.make()
        lock = open_lock(folder.lock)
        if not try_lock(lock):
            sys.exit(f"Another node of the gateway works in {folder.root}.")
        node = _node(settings, folder, key=settings.credential(home))
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: node.stop())
        node.run()
    except ModelyardError as exc:
        sys.exit(exc.message)


def _node(settings: GatewayNodeSettings, folder: NodeFolder, *, key: str) -> Node:
    envoy = NodeEnvoy(folder, settings)
    return Node(
        folder=folder,
        settings=settings,
        envoy=envoy,
        applying=Applying(ResourceFiles(folder), Confirmation(envoy.admin, folder.log), is_running=envoy.is_running),
        control_plane=HttpControlPlane(settings.control_url, node=settings.name, key=key),
    )


if __name__ == "__main__":
    main()
