"""Ports that others listen on."""

import os
import socket

import pytest

from modelyard.errors import Conflict
from modelyard.local.busy_port import refuse_busy_port


class TestRefuseBusyPort:
    def test_the_message_names_the_owner_and_a_free_port_for_the_flag(self) -> None:
        with socket.create_server(("127.0.0.1", 18450)):
            with pytest.raises(Conflict, match=rf"Port 18450 is in use by .*\(process {os.getpid()}\)") as caught:
                refuse_busy_port("127.0.0.1", 18450, flag="--mlflow-port")
            assert caught.value.message.endswith("--mlflow-port 18451.")
        refuse_busy_port("127.0.0.1", 18450, flag="--mlflow-port")
