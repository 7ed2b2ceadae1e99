"""Between which numbers of replicas a target itself chooses."""

from dataclasses import asdict, dataclass

from modelyard_client.wire import Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class Autoscaling:
    """The bounds, and what the replicas shall use of their processors on average."""

    min_replicas: int = 1
    max_replicas: int
    cpu_percent: int = 80
    """Of `Resources.cpu`, or of one core where that is not set."""

    def to_json(self) -> dict[str, int]:
        """As the API takes it."""
        return asdict(self)

    @classmethod
    def from_json(cls, value: object) -> "Autoscaling":
        """Read the bounds of the API."""
        fields = Fields(value, noun="autoscaling")
        return cls(
            min_replicas=fields.integer("min_replicas"),
            max_replicas=fields.integer("max_replicas"),
            cpu_percent=fields.integer("cpu_percent"),
        )
