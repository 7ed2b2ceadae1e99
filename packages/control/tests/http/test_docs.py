"""The page of the API."""

import re
from urllib.parse import urlsplit

from fastapi.testclient import TestClient

from modelyard.main import ControlPlane


class TestThePage:
    def test_all_that_it_loads_comes_from_here(self, sqlite_control_plane: ControlPlane) -> None:
        client = TestClient(sqlite_control_plane.app())
        page = client.get("/docs").text
        loaded = re.findall(r"(?:src|href)=\"([^\"]+)\"", page) + re.findall(r"url: '([^']+)'", page)
        local = [address for address in loaded if not address.startswith("data:")]
        assert len(local) == 3
        assert {urlsplit(address).netloc for address in local} == {""}
        assert [client.get(address).status_code for address in local] == [200, 200, 200]
