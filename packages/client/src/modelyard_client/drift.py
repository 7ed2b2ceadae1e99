"""Drift of a deployment: what it got and answered lately, against the training data of its version."""

from dataclasses import dataclass
from datetime import datetime

from modelyard_client.wire import Fields


@dataclass(frozen=True, kw_only=True, slots=True)
class FeatureDrift:
    """One input or answer. `verdict` is drifted, stable or too_little_data; figures are None where there are none."""

    name: str
    verdict: str
    rows: int
    psi: float | None
    ks: float | None
    missing: float | None
    """The share of missing values, less that of the training data."""
    unseen: float | None
    reasons: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> "FeatureDrift":
        """Read a feature of a report."""
        fields = Fields(value, noun="feature")
        return cls(
            name=fields.text("name"),
            verdict=fields.text("verdict"),
            rows=fields.integer("rows"),
            psi=fields.optional_number("psi"),
            ks=fields.optional_number("ks"),
            missing=fields.optional_number("missing"),
            unseen=fields.optional_number("unseen"),
            reasons=tuple(str(each) for each in fields.items("reasons")),
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class DriftReport:
    """A deployment's features, and what is said of them together."""

    deployment_id: str
    model_name: str
    model_version: int
    verdict: str
    message: str
    since: datetime | None
    rows: int
    profile_rows: int | None
    """Of the training data; None without a training profile, when drift cannot be judged."""
    features: tuple[FeatureDrift, ...]
    left_out: tuple[str, ...]

    @classmethod
    def from_json(cls, value: object) -> "DriftReport":
        """Read a report of the API."""
        fields = Fields(value, noun="report of drift")
        return cls(
            deployment_id=fields.text("deployment_id"),
            model_name=fields.text("model_name"),
            model_version=fields.integer("model_version"),
            verdict=fields.text("verdict"),
            message=fields.text("message"),
            since=fields.optional_time("since"),
            rows=fields.integer("rows"),
            profile_rows=fields.optional_integer("profile_rows"),
            features=tuple(FeatureDrift.from_json(item) for item in fields.items("features")),
            left_out=tuple(str(each) for each in fields.items("left_out")),
        )
