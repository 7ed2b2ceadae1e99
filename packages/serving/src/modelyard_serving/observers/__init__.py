"""Those who take note of requests after their answer was made: spans, and the log of requests. Each is off unless it is
configured, and none may hold up a request."""

from modelyard_serving.observers.observer import Observation, Observer

__all__ = ["Observation", "Observer"]
