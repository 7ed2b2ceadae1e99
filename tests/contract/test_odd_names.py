"""Models whose names a path, a shell or a header could take for something else, by httpx, curl and commands."""

import asyncio
import json
import shutil
import subprocess
from collections.abc import Iterator
from urllib.parse import quote

import pytest
from access_platform import Platform
from tests.contract.conftest import Run

REGISTRY, SERVING = "/api/v1/ml/registry/models", "/api/v1/modelserving/models"
NAMES = [
    *(
        "fraud model",
        "50%",
        "a%2Fb",
        "a%252Fb",
        "100%25",
        "what?",
        "what?version=1#x",
        "#1",
        'say "it\'s"',
        "a+b&c=d;e",
    ),
    *(
        "größe",
        "gro\u0308ße",
        "模型",
        "🦉",
        "🦉" * 255,
        "x" * 255,
        ".hidden",
        "a..b",
        "-rf",
        "--help",
        "\\",
        "[a]{b}",
        "a\u2028b",
    ),
]
REFUSED = ["..a", "..", ".", " ", "a/b", "a:b", "a\nb", "x" * 256]


def curl(platform: Platform, path: str, *more: str) -> tuple[int, str]:
    """The status and the body that curl gets, from a path sent as it is."""
    token = f"Authorization: Bearer {platform.operator_token}"
    url = f"http://127.0.0.1:{platform.port}{path}"
    command = ["curl", "-sS", "--globoff", "--path-as-is", "-H", token, "-w", "\n%{http_code}", *more, url]
    done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=True)
    body, _, status = done.stdout.rpartition("\n")
    return int(status), body


@pytest.fixture(scope="module")
def platform(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Platform]:
    with Platform(tmp_path_factory.mktemp("odd") / "home") as platform:
        yield platform


class TestOddNames:
    @pytest.mark.parametrize("name", NAMES, ids=ascii)
    def test_it_is_registered_found_by_every_client_and_deleted(self, platform: Platform, run: Run, name: str) -> None:
        owner = platform.operator
        made = owner.post("/mlops/registry", json={"name": name, "run_id": platform.log_model()})
        assert (made.status_code, made.json()["name"]) == (201, name), made.text
        address = f"{REGISTRY}/{quote(name, safe='')}"
        for path in (address, f"/mlops/models/{quote(name, safe='')}", f"{address}/versions/1"):
            found = owner.get(path)
            assert (found.status_code, found.json()["name"]) == (200, name), found.text
        if shutil.which("curl"):
            status, body = curl(platform, address)
            assert (status, json.loads(body)["name"]) == (200, name)
            status, body = curl(platform, REGISTRY, "--get", "--data-urlencode", f"text={name[:100]}")
            assert status == 200, body

        code, out = run("models", "show", "--output", "json", "--", name)
        assert (code, json.loads(out)["name"]) == (0, name)
        code, out = run("versions", "show", "--output", "json", "--", f"{name}/1")
        assert (code, json.loads(out)["name"]) == (0, name)

        plan = owner.delete(f"{SERVING}/{quote(name, safe='')}")
        assert plan.status_code == 202, plan.text
        while platform.engine.run_next():
            pass
        assert owner.get(f"/mlops/jobs/{plan.json()['job_id']}").json()["status"] == "succeeded"
        assert owner.get(address).status_code == 404

    @pytest.mark.parametrize("name", ['50% "off"?#1', "größe 🦉"])
    def test_a_webhook_hears_of_it_by_its_name(self, platform: Platform, name: str) -> None:
        made = platform.operator.post("/api/v1/webhooks", json={"url": "https://hooks.example.com/"})
        assert made.status_code == 201, made.text
        assert platform.operator.post(SERVING, json={"name": name}).status_code == 201
        asyncio.run(platform.control.webhooks.dispatcher.deliver_due())
        subjects = [json.loads(post.body)["data"]["subject"] for post in platform.receivers.posts]
        assert f"models/{name}" in subjects

    @pytest.mark.parametrize("name", ["größe", "🦉"])
    def test_curl_may_send_it_as_it_is(self, platform: Platform, name: str) -> None:
        made = platform.operator.post("/mlops/registry", json={"name": name, "run_id": platform.log_model()})
        assert made.status_code == 201, made.text
        status, body = curl(platform, f"{REGISTRY}/{name}")
        assert (status, json.loads(body)["name"]) == (200, name)

    @pytest.mark.parametrize("name", REFUSED, ids=ascii)
    def test_what_is_no_name_is_refused(self, platform: Platform, name: str) -> None:
        owner = platform.operator
        refused = owner.post("/mlops/registry", json={"name": name, "run_id": platform.log_model()})
        assert (refused.status_code, refused.json()["code"], refused.json()["field"]) == (
            400,
            "model_name_invalid",
            "name",
        )
        status, body = curl(platform, f"{REGISTRY}/{quote(name, safe='')}")
        assert 400 <= status < 500
        assert json.loads(body)["error"]
