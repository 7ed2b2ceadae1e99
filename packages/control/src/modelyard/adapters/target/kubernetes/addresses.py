"""Where a Service answers, as its type has it. Pure."""

from collections.abc import Mapping
from typing import Any

from modelyard.adapters.target.kubernetes.companions import PORT
from modelyard.adapters.target.kubernetes.options import WorkloadOptions

_HTTP = 80


def url_of(service: Mapping[str, Any] | None, options: WorkloadOptions) -> str | None:
    """None while it has no address: a load balancer gets one after some time."""
    if service is None:
        return None
    spec, metadata = service["spec"], service["metadata"]
    match spec.get("type"):
        case "LoadBalancer":
            given = service.get("status", {}).get("loadBalancer", {}).get("ingress") or ()
            ingress: Mapping[str, Any] = next(iter(given), {})
            return _url(ingress.get("ip") or ingress.get("hostname"), PORT)
        case "NodePort":
            return _url(options.service.node_host, spec["ports"][0].get("nodePort"))
        case _ if options.service.address == "ip":
            return _url(spec.get("clusterIP"), PORT)
        case _:
            return _url(f"{metadata['name']}.{metadata['namespace']}.svc.{options.cluster_domain}", PORT)


def _url(host: str | None, port: int | None) -> str | None:
    if host is None or port is None:
        return None
    named = f"[{host}]" if ":" in host else host
    return f"http://{named}" if port == _HTTP else f"http://{named}:{port}"
