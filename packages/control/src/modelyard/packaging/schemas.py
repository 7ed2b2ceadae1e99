"""Bundles on the wire."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, Field

from modelyard.packaging.domain import Bundle


class BundleAnswer(BaseModel):
    """What a version was built to, and whether its verified compilation is used."""

    reference: str = Field(examples=["bundle:churn-v3@sha256:9f86d0…"])
    runtime: str = Field(description="What loads it; `onnx` for a compiled one.", examples=["onnx"])
    is_compiled: bool
    compilation: dict[str, Any] | None = Field(
        description="The report: rows tried, differences, speed-up, or why not; null for what older releases built."
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
            created_at=bundle.created_at,
        )
