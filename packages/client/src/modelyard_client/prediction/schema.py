"""What a model takes and gives, as its server's metadata says it."""

from dataclasses import dataclass

from modelyard_client.errors import Invalid
from modelyard_client.wire import Fields

PROBABILITIES = "probabilities"


@dataclass(frozen=True, slots=True)
class Tensor:
    """An input or an output in the words of the Open Inference Protocol; -1 is a size that varies."""

    name: str
    datatype: str
    shape: tuple[int, ...]

    @classmethod
    def from_json(cls, value: object) -> "Tensor":
        """Read a tensor of a model's metadata."""
        fields = Fields(value, noun="tensor")
        return cls(name=fields.text("name"), datatype=fields.text("datatype"), shape=tuple(fields.items("shape")))


@dataclass(frozen=True, slots=True)
class Schema:
    """`outputs` are those of a request that names none; `optional_outputs` are given to a request that names them."""

    model_name: str
    version: str | None
    inputs: tuple[Tensor, ...]
    outputs: tuple[Tensor, ...]
    optional_outputs: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> "Schema":
        """Read a model's metadata."""
        fields = Fields(value, noun="model")
        optional = str(fields.mapping("properties").get("optional_outputs", ""))
        return cls(
            model_name=fields.text("name"),
            version=next((str(version) for version in fields.items("versions")), None),
            inputs=tuple(Tensor.from_json(item) for item in fields.items("inputs")),
            outputs=tuple(Tensor.from_json(item) for item in fields.items("outputs")),
            optional_outputs=tuple(name for name in optional.split(",") if name),
        )

    @property
    def is_array(self) -> bool:
        """Whether the model takes one array, whose columns may have any name."""
        return len(self.inputs) == 1 and len(self.inputs[0].shape) > 1

    def wanted(self, names: tuple[str, ...] | None) -> tuple[str, ...] | None:
        """The outputs to ask for; None for the default ones.

        Raises:
            Invalid: the model has no such output.
        """
        known = (*(tensor.name for tensor in self.outputs), *self.optional_outputs)
        for name in names or ():
            if name not in known:
                expected = ", ".join(known) or "none that it declares"
                raise Invalid(
                    f"the model gives no output {name!r}: expected {expected}", code="output_unknown", field="outputs"
                )
        return names

    def is_text(self, output: str) -> bool:
        """Whether an output's elements are text, which can be missing and then is null."""
        return any(tensor.name == output and tensor.datatype == "BYTES" for tensor in self.outputs)
