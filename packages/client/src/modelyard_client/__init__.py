"""The Python client of Modelyard and the command `modelyard`; it uses the HTTP API and imports no server code.

Public names are imported when they are first used, so that the command line starts without the HTTP library.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from modelyard_client.release import __version__ as __version__

if TYPE_CHECKING:
    from modelyard_client.autoscaling import Autoscaling as Autoscaling
    from modelyard_client.client import Client as Client
    from modelyard_client.deployment import Deployment as Deployment
    from modelyard_client.deployment import Replica as Replica
    from modelyard_client.drift import DriftReport as DriftReport
    from modelyard_client.drift import FeatureDrift as FeatureDrift
    from modelyard_client.errors import Busy as Busy
    from modelyard_client.errors import Conflict as Conflict
    from modelyard_client.errors import Forbidden as Forbidden
    from modelyard_client.errors import Internal as Internal
    from modelyard_client.errors import Invalid as Invalid
    from modelyard_client.errors import JobFailed as JobFailed
    from modelyard_client.errors import ModelyardError as ModelyardError
    from modelyard_client.errors import NotFound as NotFound
    from modelyard_client.errors import PreconditionFailed as PreconditionFailed
    from modelyard_client.errors import TooLarge as TooLarge
    from modelyard_client.errors import Unauthenticated as Unauthenticated
    from modelyard_client.errors import Unavailable as Unavailable
    from modelyard_client.errors import UnexpectedAnswer as UnexpectedAnswer
    from modelyard_client.errors import WaitTimedOut as WaitTimedOut
    from modelyard_client.jobs import Failure as Failure
    from modelyard_client.jobs import Job as Job
    from modelyard_client.jobs import Submission as Submission
    from modelyard_client.log import LogLine as LogLine
    from modelyard_client.models import Bundle as Bundle
    from modelyard_client.models import Model as Model
    from modelyard_client.models import Version as Version
    from modelyard_client.prediction.frames.async_predictor import AsyncPredictor as AsyncPredictor
    from modelyard_client.prediction.frames.predictor import FramePredictor as FramePredictor
    from modelyard_client.prediction.predictor import Predictor as Predictor
    from modelyard_client.programs import Program as Program
    from modelyard_client.resources import Resources as Resources
    from modelyard_client.scripts import Script as Script
    from modelyard_client.settings import Settings as Settings
    from modelyard_client.status import PlatformStatus as PlatformStatus

_MODULES = {
    "autoscaling": ("Autoscaling",),
    "client": ("Client",),
    "deployment": ("Deployment", "Replica"),
    "drift": ("DriftReport", "FeatureDrift"),
    "errors": (
        "Busy",
        "Conflict",
        "Forbidden",
        "Internal",
        "Invalid",
        "JobFailed",
        "ModelyardError",
        "NotFound",
        "PreconditionFailed",
        "TooLarge",
        "Unauthenticated",
        "Unavailable",
        "UnexpectedAnswer",
        "WaitTimedOut",
    ),
    "jobs": ("Failure", "Job", "Submission"),
    "log": ("LogLine",),
    "models": ("Bundle", "Model", "Version"),
    "prediction.frames.async_predictor": ("AsyncPredictor",),
    "prediction.frames.predictor": ("FramePredictor",),
    "prediction.predictor": ("Predictor",),
    "programs": ("Program",),
    "resources": ("Resources",),
    "scripts": ("Script",),
    "settings": ("Settings",),
    "status": ("PlatformStatus",),
}
_HOMES = {name: module for module, names in _MODULES.items() for name in names}

__all__ = ["__version__", *_HOMES]  # noqa: PLE0604  # Names of a literal table, all strings.


def __getattr__(name: str) -> Any:
    module = _HOMES.get(name)
    if module is None:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{module}"), name)


def __dir__() -> list[str]:
    return sorted(__all__)
