"""Ports that others listen on."""

import os
import socket

import pytest

from modelyard.errors import Conflict
from modelyard.local.busy_port import refuse_busy_port


class TestRefuseBusyPort:
    def test_the_message_names_the_owner_and_a_free_port_for_the_flag(self, first_port: int) -> None:
        with socket.create_server(("127.0.0.1", first_port)):
            with pytest.raises(
                Conflict, match=rf"Port {first_port} is in use by .*\(process {os.getpid()}\)"
            ) as caught:
                refuse_busy_port("127.0.0.1", first_port, flag="--mlflow-port")
            assert caught.value.message.endswith(f"--mlflow-port {first_port + 1}.")
        refuse_busy_port("127.0.0.1", first_port, flag="--mlflow-port")
