"""What is asked: how many rows in a request, in which form, over how many connections."""

from dataclasses import dataclass
from enum import StrEnum

from benchmarks.serving.errors import BenchmarkError


class Form(StrEnum):
    """How a request travels."""

    JSON = "json"
    """The server's own JSON over HTTP/1.1."""
    BINARY = "binary"
    """The protocol's binary tensors over HTTP/1.1."""
    GRPC = "grpc"
    """ModelInfer with raw contents."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One kind of load. Every connection has one request on its way at a time."""

    form: Form
    rows: int
    connections: int

    @property
    def name(self) -> str:
        """As the command line and the results spell it, e.g. `json-1-16`."""
        return f"{self.form}-{self.rows}-{self.connections}"

    @property
    def title(self) -> str:
        """For people."""
        forms = {Form.JSON: "REST, JSON", Form.BINARY: "REST, binary tensors", Form.GRPC: "gRPC"}
        rows = "one row" if self.rows == 1 else f"{self.rows} rows"
        connections = "one connection" if self.connections == 1 else f"{self.connections} connections"
        return f"{forms[self.form]}, {rows}, {connections}"

    @classmethod
    def parse(cls, name: str) -> "Workload":
        """The workload of a name.

        Raises:
            BenchmarkError: it is none.
        """
        form, _, sizes = name.partition("-")
        rows, _, connections = sizes.partition("-")
        if form not in set(Form) or rows not in ("1", "1000") or not connections.isdigit():
            raise BenchmarkError(f"there is no workload {name!r}: expected e.g. json-1-16 or binary-1000-64")
        return cls(Form(form), int(rows), int(connections))


QUICK = tuple(Workload.parse(name) for name in ("json-1-16", "grpc-1-16", "json-1000-16", "binary-1000-16"))
"""The main comparison."""
WHOLE = tuple(Workload(form, rows, count) for rows in (1, 1000) for form in Form for count in (1, 16, 64))
"""All of them."""
