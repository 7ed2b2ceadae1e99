"""The server under test: its addresses, the model that is asked, and what that model declares. It judges nothing."""

import json
from collections.abc import Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from modelyard_serving.conformance.http import Http, Response
from modelyard_serving.conformance.rules import NotApplicable, Violation
from modelyard_serving.conformance.samples import Declared, declared, from_request, sample
from modelyard_serving.conformance.tensors import RAW_ONLY, Tensor

if TYPE_CHECKING:
    from modelyard_serving.conformance.rpc import Rpc


class DiscoveryError(Exception):
    """The suite cannot start: no server responds at the address, or no model is found there."""


class Subject:
    """A server and one model of it, as seen through its metadata."""

    def __init__(
        self, http: Http, *, model: str, rpc: "Rpc | None" = None, example: Mapping[str, Any] | None = None
    ) -> None:
        self.http = http
        self.model = model
        self._rpc = rpc
        self._example = example

    @property
    def rpc(self) -> "Rpc":
        """The gRPC client. Raises NotApplicable when no address was given."""
        if self._rpc is None:
            raise NotApplicable("no gRPC address was given")
        return self._rpc

    def path(self, suffix: str = "", *, model: str | None = None, version: str | None = None) -> str:
        """The path of the model or of one of its verbs."""
        versions = f"/versions/{quote(version, safe='')}" if version is not None else ""
        return f"/v2/models/{quote(model or self.model)}{versions}{suffix}"

    @cached_property
    def server_metadata(self) -> dict[str, Any]:
        """`GET /v2`, or nothing where that is no JSON object."""
        return _object_or_nothing(self.http, "/v2")

    @cached_property
    def metadata(self) -> dict[str, Any]:
        """`GET /v2/models/{m}`, or nothing where that is no JSON object."""
        return _object_or_nothing(self.http, self.path())

    @property
    def inputs(self) -> tuple[Declared, ...]:
        """The declared inputs."""
        return declared(self.metadata, "inputs")

    @property
    def outputs(self) -> tuple[Declared, ...]:
        """The declared outputs. Raises NotApplicable when there are none."""
        outputs = declared(self.metadata, "outputs")
        if not outputs:
            raise NotApplicable("the model declares no outputs")
        return outputs

    @property
    def version(self) -> str:
        """A version that the model declares. Raises NotApplicable for a model without versions."""
        versions = self.metadata.get("versions")
        if not isinstance(versions, list) or not versions:
            raise NotApplicable("the model declares no versions")
        return str(versions[-1])

    def needs_extension(self, name: str) -> None:
        """Raise NotApplicable unless the server says that it has the extension."""
        extensions = self.server_metadata.get("extensions")
        if not isinstance(extensions, list) or name not in extensions:
            raise NotApplicable(f"the server does not offer the extension '{name}'")

    @cached_property
    def unverified_sample(self) -> tuple[Tensor, ...]:
        """Inputs that ought to be valid. Raises NotApplicable where none can be made."""
        return from_request(self._example) if self._example else sample(self.inputs)

    @property
    def sample(self) -> tuple[Tensor, ...]:
        """Inputs that the server has accepted as JSON; a rule about bad requests says nothing without a good one."""
        if self._accepts_sample is not None:
            raise NotApplicable(f"the plain valid request was not answered: {self._accepts_sample}")
        return self.unverified_sample

    def plain_body(self) -> bytes:
        """The body of a valid JSON request. Raises NotApplicable where the server refuses it."""
        return json.dumps({"inputs": [tensor.to_json() for tensor in self.sample]}).encode()

    @property
    def is_batched(self) -> bool:
        """Whether the first dimension of every input is free."""
        shapes = [spec.shape for spec in self.inputs]
        return bool(shapes) and all(shape and shape[0] == -1 for shape in shapes)

    @cached_property
    def _accepts_sample(self) -> str | None:
        """None when a plain request with the sample is answered with 200; else what happened."""
        if any(tensor.datatype in RAW_ONLY for tensor in self.unverified_sample):
            return "its inputs cannot be JSON"
        body = json.dumps({"inputs": [tensor.to_json() for tensor in self.unverified_sample]}).encode()
        try:
            response = self.http.post(self.path("/infer"), body, headers={"Content-Type": "application/json"})
        except Violation as exc:
            return str(exc)
        return None if response.status == 200 else f"status {response.status}"


def discover(http: Http) -> str:
    """The name of a ready model: from the repository index (Triton, MLServer) or the list of models (KServe)."""
    try:
        for response in (http.post("/v2/repository/index", b"{}"), http.get("/v2/models")):
            names = _names(response)
            if names:
                return names[0]
    except Violation as exc:
        raise DiscoveryError(f"{http.url}: {exc}") from exc
    raise DiscoveryError(f"{http.url} does not list its models; name one with --model")


def _names(response: Response) -> list[str]:
    if response.status != 200:
        return []
    content = response.json()
    listed = content.get("models", []) if isinstance(content, dict) else content
    entries = [entry if isinstance(entry, dict) else {"name": entry} for entry in listed or []]
    return [str(entry["name"]) for entry in entries if entry.get("name") and entry.get("state", "READY") == "READY"]


def _object_or_nothing(http: Http, path: str) -> dict[str, Any]:
    try:
        return http.get(path).object()
    except Violation:
        return {}
