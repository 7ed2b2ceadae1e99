"""Observers of completed requests: spans, and the request log. Each is off unless configured, and none may delay a
request."""

from modelyard_serving.observers.observer import Observation, Observer

__all__ = ["Observation", "Observer"]
