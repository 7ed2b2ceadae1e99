"""Stable addresses of a model on a real Envoy before real model servers: HTTP, gRPC, its documentation, one version."""

import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urljoin

import httpx
import numpy as np
import pytest
import tritonclient.grpc as triton
from gateway_nodes import HOST, RunningNode
from model_servers import ModelServerProcess
from ports import find_free_port

import grpc
from modelyard.gateway.compile import DeployedVersion, GatewayState, compile_table
from modelyard.gateway.envoy import assignments, clusters, route_configuration
from modelyard.gateway.table import Endpoint
from modelyard.gateway_node import Configuration

MODEL = "my model"
AT_GATEWAY = "/my%20model"
ROWS = {"inputs": [[1.0, 2.0]]}
ANSWER = {"predictions": [[2.0, 4.0]]}
LIVE = "/inference.GRPCInferenceService/ServerReady"


def leading_to(port: int, version: int) -> Configuration:
    """The configuration while this version of the model is deployed there."""
    deployed = DeployedVersion(
        deployment_id="dep-1",
        tenant_id="default",
        model_name=MODEL,
        version=version,
        address=Endpoint(HOST, port, port),
        is_ready=True,
        created_at=datetime(2026, 1, 1, tzinfo=UTC),
    )
    table = compile_table(GatewayState(now=datetime(2026, 1, 1, tzinfo=UTC), deployments=[deployed]))
    return Configuration(
        clusters=tuple(clusters(table)),
        endpoints=tuple(assignments(table)),
        routes=route_configuration(table, https_port=None),
    )


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """A short one: a unix socket's path has an end."""
    with tempfile.TemporaryDirectory(prefix="served-") as name:
        yield Path(name)


@pytest.fixture(scope="module")
def first(folder: Path) -> Iterator[ModelServerProcess]:
    with ModelServerProcess(folder, MODEL, 1) as server:
        yield server


@pytest.fixture(scope="module")
def node(tmp_path_factory: pytest.TempPathFactory, first: ModelServerProcess) -> Iterator[RunningNode]:
    with RunningNode(tmp_path_factory.mktemp("gateway"), find_free_port()) as node:
        report = node.publish(leading_to(first.port, 1))
        assert report.refused is None, report.reason
        yield node


class TestGrpc:
    @pytest.mark.parametrize(
        ("options", "metadata"),
        [
            ([("grpc.default_authority", "my%20model")], {}),
            ([], {"modelyard-model": "my%20model"}),
            ([], {"modelyard-model": "my%20model", "modelyard-version": "1"}),
        ],
        ids=["authority", "metadata", "version"],
    )
    def test_a_stock_client_is_answered_by_the_model(
        self, node: RunningNode, options: list[tuple[str, str]], metadata: dict[str, str]
    ) -> None:
        with triton.InferenceServerClient(node.url.removeprefix("http://"), channel_args=options) as client:
            tensor = triton.InferInput("x", [1, 2], "FP64")
            tensor.set_data_from_numpy(np.array([[1.0, 2.0]]))
            assert client.is_server_ready(headers=metadata)
            answer = client.infer(MODEL, [tensor], headers=metadata)
            assert answer.as_numpy("y").tolist() == [[2.0, 4.0]]

    def test_a_version_that_is_not_deployed_is_not_found(self, node: RunningNode) -> None:
        with grpc.insecure_channel(node.url.removeprefix("http://")) as channel:
            with pytest.raises(grpc.RpcError) as caught:
                channel.unary_unary(LIVE)(
                    b"", timeout=20, metadata=[("modelyard-model", "my%20model"), ("modelyard-version", "2")]
                )
            assert caught.value.code() is grpc.StatusCode.NOT_FOUND


class TestDocumentation:
    @pytest.mark.parametrize("base", [AT_GATEWAY, f"{AT_GATEWAY}/versions/1", "/my%20Model/../my%20model"])
    def test_the_document_names_the_stable_address_at_which_it_was_asked(self, node: RunningNode, base: str) -> None:
        document = httpx.get(f"{node.url}{base}/openapi.json").json()
        stable = base if base.startswith(AT_GATEWAY) else AT_GATEWAY
        assert document["servers"] == [{"url": f"{node.url}{stable}"}]
        assert httpx.post(f"{document['servers'][0]['url']}/predict", json=ROWS).json() == ANSWER

    @pytest.mark.parametrize("base", [AT_GATEWAY, f"{AT_GATEWAY}/versions/1"])
    def test_what_its_page_asks_for_is_there_as_a_browser_resolves_it(self, node: RunningNode, base: str) -> None:
        page = httpx.get(f"{node.url}{base}/docs")
        assert page.headers["content-type"].startswith("text/html")
        own_page = {"origin": node.url, "sec-fetch-site": "same-origin", "sec-fetch-mode": "cors"}
        with httpx.Client(headers=own_page) as browser:
            document = browser.get(urljoin(str(page.url), "openapi.json")).json()
            for path, verbs in document["paths"].items():
                if path == "/metrics":
                    continue  # Not reachable through the gateway.
                for verb, operation in verbs.items():
                    content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
                    address = urljoin(str(page.url), path.removeprefix("/"))
                    answer = browser.request(verb, address, json=content.get("example"))
                    assert answer.status_code == 200, (address, answer.text)


class TestANamedVersion:
    def test_only_it_answers_while_another_one_takes_its_place(
        self, node: RunningNode, first: ModelServerProcess, folder: Path
    ) -> None:
        """Last of this module: the first version ends here."""
        with calling(node) as seen:
            time.sleep(0.3)
            with ModelServerProcess(folder, MODEL, 2):
                time.sleep(0.7)
                while_both_serve = set(seen)
                first.end()
                time.sleep(0.5)
                after = Counter(seen)
                assert httpx.post(f"{node.url}{AT_GATEWAY}/predict", json=ROWS).headers["modelyard-version"] == "2"
        assert while_both_serve == {"HTTP 1", "gRPC 1"}
        assert set(after) == {"HTTP 1", "gRPC 1", "HTTP 503 version_moved", "gRPC UNAVAILABLE"}, after


@contextmanager
def calling(node: RunningNode) -> Iterator[list[str]]:
    """Callers that mean version 1, on kept and on fresh connections: what they got."""
    seen: list[str] = []
    is_over = threading.Event()

    def repeat(ask: Callable[[], str]) -> None:
        while not is_over.is_set():
            seen.append(ask())

    with httpx.Client(timeout=20) as kept, grpc.insecure_channel(node.url.removeprefix("http://")) as channel:
        call = channel.unary_unary(LIVE)
        asks = [lambda: over_http(node, kept.post)] * 3 + [lambda: over_http(node, httpx.post)]
        threads = [threading.Thread(target=repeat, args=(ask,)) for ask in [*asks, *[lambda: over_grpc(call)] * 2]]
        for thread in threads:
            thread.start()
        yield seen
        is_over.set()
        for thread in threads:
            thread.join()


def over_http(node: RunningNode, post: Callable[..., httpx.Response]) -> str:
    answer = post(f"{node.url}{AT_GATEWAY}/versions/1/predict", json=ROWS)
    if answer.status_code == 200:
        return f"HTTP {answer.headers['modelyard-version']}"
    return f"HTTP {answer.status_code} {answer.json().get('code')}"


def over_grpc(call: Any) -> str:
    meant = [("modelyard-model", "my%20model"), ("modelyard-version", "1")]
    try:
        _, answered = call.with_call(b"", timeout=20, metadata=meant)
    except grpc.RpcError as error:
        return f"gRPC {error.code().name}"
    return f"gRPC {dict(answered.initial_metadata())['modelyard-version']}"
