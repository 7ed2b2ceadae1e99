"""Bundles on the wire."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from modelyard.analysis.profile import read_profile
from modelyard.packaging.domain import Bundle


class ProfileAnswer(BaseModel):
    """The profile of the training data, against which drift is judged."""

    rows: int
    features: list[str]
    left_out: list[str] = Field(description="What has no profile, and why.")

    @classmethod
    def of(cls, document: Mapping[str, Any]) -> "ProfileAnswer":
        """The profile on the wire, without what the data hold."""
        profile = read_profile(document)
        return cls(rows=profile.rows, features=[each.title for each in profile.features], left_out=profile.left_out)


class BundleAnswer(BaseModel):
    """What a version was built to, and whether its verified compilation is used."""

    reference: str = Field(examples=["bundle:churn-v3@sha256:9f86d0…"])
    runtime: str = Field(description="What loads it; `onnx` for a compiled one.", examples=["onnx"])
    is_compiled: bool
    compilation: dict[str, Any] | None = Field(
        description="The report: rows tried, differences, speed-up, or why not; null for what older releases built."
    )
    training_profile: ProfileAnswer | None = Field(
        description="Null where the run logged no training data: drift cannot be judged."
    )
    created_at: datetime

    @classmethod
    def of(cls, bundle: Bundle) -> "BundleAnswer":
        """The bundle on the wire."""
        return cls(
            reference=bundle.reference,
            runtime=bundle.runtime,
            is_compiled=bundle.is_compiled,
            compilation=None if bundle.compilation is None else dict(bundle.compilation),
            training_profile=None if bundle.profile is None else ProfileAnswer.of(bundle.profile),
            created_at=bundle.created_at,
        )


class ExampleAnswer(BaseModel):
    """A request with which a version can be tried."""

    name: str
    version: int
    request: dict[str, Any] | None = Field(
        description="a body for `/predict`; null when the version has no input example, or one of more than a megabyte"
    )
