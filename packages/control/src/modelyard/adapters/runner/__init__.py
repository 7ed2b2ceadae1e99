"""Where scripts run: as processes of this machine, and a fake whose runs end when a test says so."""

from modelyard.adapters.runner.fake import FakeRunner
from modelyard.adapters.runner.local import LocalRunner

__all__ = ["FakeRunner", "LocalRunner"]
