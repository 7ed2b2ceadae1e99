"""Version sets and APIs with every field set, for tests that care for one or two of them."""

from datetime import UTC, datetime
from typing import Any

from modelyard.gateway.domain import (
    DEFAULT_KEY_HEADER,
    DEFAULT_KEY_QUERY,
    Api,
    OnMissing,
    Revision,
    Target,
    VersioningScheme,
    VersionSet,
)
from modelyard.gateway.states import ApiStatus

MADE = datetime(2026, 11, 30, 9, tzinfo=UTC)


def a_version_set(**fields: Any) -> VersionSet:
    """Versions of `ml-model` by a segment of the path."""
    given: dict[str, Any] = {
        "version_set_id": "ml-model",
        "tenant_id": "default",
        "display_name": "ML Model Serving Versions",
        "description": "",
        "scheme": VersioningScheme.SEGMENT,
        "parameter": None,
        "on_missing": OnMissing.ORIGINAL,
        "default_version": None,
        "created_by": "petra",
        "created_at": MADE,
        "updated_at": MADE,
        "revision": 1,
    }
    return VersionSet(**{**given, **fields})


def an_api(**fields: Any) -> Api:
    """Version v1 of `ml-model`, whose first revision answers."""
    given: dict[str, Any] = {
        "api_id": "ml-model-v1",
        "tenant_id": "default",
        "display_name": "ML Model Serving v1",
        "description": "",
        "path": "ml-model",
        "api_version": "v1",
        "version_set_id": "ml-model",
        "protocols": ("http", "https"),
        "subscription_required": False,
        "key_header": DEFAULT_KEY_HEADER,
        "key_query": DEFAULT_KEY_QUERY,
        "status": ApiStatus.ACTIVE,
        "deprecated_at": None,
        "sunset_at": None,
        "successor": None,
        "notice_url": None,
        "current_revision": 1,
        "latest_revision": 1,
        "created_by": "petra",
        "created_at": MADE,
        "updated_at": MADE,
        "revision": 1,
    }
    return Api(**{**given, **fields})


def a_revision(**fields: Any) -> Revision:
    """The first revision of `ml-model-v1`, at a deployment."""
    given: dict[str, Any] = {
        "api_id": "ml-model-v1",
        "tenant_id": "default",
        "number": 1,
        "target": Target(deployment_id="dep-1"),
        "description": "",
        "timeout_seconds": None,
        "is_online": True,
        "created_by": "petra",
        "created_at": MADE,
    }
    return Revision(**{**given, **fields})
