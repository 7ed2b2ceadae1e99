"""The translator of the route table to resources of Envoy, and the filters that admit and limit requests."""
