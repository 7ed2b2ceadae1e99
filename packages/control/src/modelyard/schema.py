"""All tables in one place, for migrations and for tests that compare the schema with them."""

from modelyard.access import tables as access_tables
from modelyard.audit import tables as audit_tables
from modelyard.db import changes as change_tables
from modelyard.db.types import metadata
from modelyard.deletion import tables as deletion_tables
from modelyard.deployments import tables as deployment_tables
from modelyard.drift import tables as drift_tables
from modelyard.gateway import tables as gateway_tables
from modelyard.gateway.publishing import tables as gateway_publishing_tables
from modelyard.holds import tables as hold_tables
from modelyard.images import tables as image_tables
from modelyard.job_secrets import tables as job_secret_tables
from modelyard.jobs import tables as job_tables
from modelyard.leases import tables as lease_tables
from modelyard.mirror import tables as mirror_tables
from modelyard.outbox import tables as outbox_tables
from modelyard.outcomes import tables as outcome_tables
from modelyard.packaging import tables as packaging_tables
from modelyard.promotion import tables as promotion_tables
from modelyard.registry import tables as registry_tables
from modelyard.rollouts import tables as rollout_tables
from modelyard.schedules import tables as schedule_tables
from modelyard.subscriptions import tables as subscription_tables
from modelyard.traffic import tables as traffic_tables
from modelyard.uploads import tables as upload_tables
from modelyard.webhooks import tables as webhook_tables

__all__ = [
    "access_tables",
    "audit_tables",
    "change_tables",
    "deletion_tables",
    "deployment_tables",
    "drift_tables",
    "gateway_publishing_tables",
    "gateway_tables",
    "hold_tables",
    "image_tables",
    "job_secret_tables",
    "job_tables",
    "lease_tables",
    "metadata",
    "mirror_tables",
    "outbox_tables",
    "outcome_tables",
    "packaging_tables",
    "promotion_tables",
    "registry_tables",
    "rollout_tables",
    "schedule_tables",
    "subscription_tables",
    "traffic_tables",
    "upload_tables",
    "webhook_tables",
]
