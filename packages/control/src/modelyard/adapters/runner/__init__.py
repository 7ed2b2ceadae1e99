"""Where scripts run: as processes of this machine, and a fake whose runs end when a test says so."""

from modelyard.adapters.runner.fake import FakeEnd, FakeRunner
from modelyard.adapters.runner.local import LocalRunner

__all__ = ["FakeEnd", "FakeRunner", "LocalRunner"]
