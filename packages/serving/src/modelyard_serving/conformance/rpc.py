"""A gRPC client of the protocol that works on messages or on bytes, and keeps the last exchange as evidence."""

import re
from collections.abc import Iterable
from types import TracebackType
from typing import Any, NoReturn, Self, TypeVar

import grpc
from modelyard_serving.conformance.http import NoResponse
from modelyard_serving.conformance.rules import Violation

SERVICE = "inference.GRPCInferenceService"
MAX_MESSAGE = 2**31 - 1
LOST = re.compile("connect|socket", re.IGNORECASE)
Message = TypeVar("Message")


class RpcFailed(Violation):
    """A call ended with a status other than OK; `code` is its name."""

    def __init__(self, code: str, details: str) -> None:
        super().__init__(f"expected OK, status {code} came: {details[:240]}")
        self.code = code
        self.details = details


class Rpc:
    """Calls to one address; one channel for all of them."""

    def __init__(self, address: str, *, timeout: float) -> None:
        limits = [("grpc.max_receive_message_length", MAX_MESSAGE), ("grpc.max_send_message_length", MAX_MESSAGE)]
        self._channel = grpc.insecure_channel(address, options=limits)
        self._timeout = timeout
        self.last_exchange = ""

    def call(self, method: str, request: Any, response: type[Message], *, service: str = SERVICE) -> Message:
        """One unary call with a message. Raises RpcFailed or NoAnswer."""
        return self._parsed(self.call_bytes(method, request.SerializeToString(), service=service), response)

    def call_bytes(self, method: str, request: bytes, *, service: str = SERVICE) -> bytes:
        """One unary call with bytes that need not be a message."""
        self.last_exchange = method
        try:
            response: bytes = self._channel.unary_unary(f"/{service}/{method}")(request, timeout=self._timeout)
        except grpc.RpcError as exc:
            self._fail(exc)
        self.last_exchange += f" -> OK, {len(response)} bytes"
        return response

    def stream(
        self, method: str, requests: Iterable[Any], response: type[Message], *, service: str = SERVICE
    ) -> list[Message]:
        """One call that streams both ways; the answers up to its end."""
        self.last_exchange = method
        sent = iter([request.SerializeToString() for request in requests])
        try:
            responses = list(self._channel.stream_stream(f"/{service}/{method}")(sent, timeout=self._timeout))
        except grpc.RpcError as exc:
            self._fail(exc)
        self.last_exchange += f" -> OK, {len(responses)} answers"
        return [self._parsed(each, response) for each in responses]

    def _parsed(self, data: bytes, response: type[Message]) -> Message:
        try:
            message: Message = response.FromString(data)  # type: ignore[attr-defined]  # Every message class has it.
        except Exception as exc:  # protobuf's DecodeError is a different class in each of its implementations.
            raise Violation(f"the answer is no {response.__name__}: {exc}") from exc
        return message

    def _fail(self, exc: Any) -> NoReturn:
        code, details = exc.code().name, exc.details() or ""
        self.last_exchange += f" -> {code}: {details[:240]}"
        if code == "UNAVAILABLE" and LOST.search(details):
            raise NoResponse(f"the server did not answer: {details}") from exc
        raise RpcFailed(code, details) from exc

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._channel.close()
