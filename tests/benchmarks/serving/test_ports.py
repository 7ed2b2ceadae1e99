"""The ports that servers under test are given."""

import socket
from pathlib import Path

from benchmarks.serving.ports import Ports


class TestPorts:
    def test_none_is_given_twice_and_none_lies_where_the_system_takes_its_own(self) -> None:
        lowest = int(Path("/proc/sys/net/ipv4/ip_local_port_range").read_text().split()[0])
        ports = Ports()
        given = [ports.free() for _ in range(50)]
        assert len(set(given)) == 50
        assert max(given) < max(lowest, 32_768)

    def test_one_on_which_somebody_listens_is_passed_over(self) -> None:
        taken = Ports().free()
        with socket.socket() as listener:
            listener.bind(("127.0.0.1", taken))
            listener.listen()
            ports = Ports(range(taken, taken + 40))
            assert taken not in [ports.free() for _ in range(5)]
