"""The chart as a release on the real cluster: installed, called, upgraded and uninstalled by the real Helm.

Its pods run an image of our own writer with a stand-in for the platform, which takes seconds. The platform's own image
(`modelyard platform-image`) takes minutes to be built, loaded and started on two cores, and needs a DNS, an authority
and an API server that pods reach, which the cluster of these tests has not; with those it was tried by hand, up to the
prediction of a model that the chart's control plane had trained in a pod, built, pushed and deployed.
"""

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest
import yaml
from charts import CHART, helm, run_helm
from kubernetes_clusters import load_image, real_kubeconfig
from machine_base import machine_base
from oci_parts import make_bundle, make_wheel, plenty

from modelyard.oci.export import export_archive
from modelyard.oci.images import ImageBuilder, ImageMetadata
from modelyard.oci.layout import Layout

__all__ = ["real_kubeconfig"]

REPOSITORY = "localhost/modelyard-tests-platform"
DOCUMENTS = Path(__file__).parents[2] / "docs" / "how-to"
_HOME_OWNER = 65532


@dataclass(frozen=True)
class Release:
    """A release, its namespace and that of its models."""

    kubeconfig: Path
    namespace: str
    models: str

    def kubectl(self, *arguments: str, given: str | None = None, check: bool = True) -> str:
        """What the real command prints."""
        command = [str(Path(sys.executable).with_name("kubectl")), f"--kubeconfig={self.kubeconfig}", *arguments]
        done = subprocess.run(command, input=given, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0 or not check, done.stderr
        return done.stdout.strip()

    def helm(self, verb: str, *arguments: str, **values: str) -> None:
        """A command about it, which waits for its end."""
        where = ["--kubeconfig", str(self.kubeconfig), "--namespace", self.namespace, "--wait", "--timeout", "120s"]
        done = run_helm(verb, "modelyard", *arguments, *where, **values)
        assert done.returncode == 0, done.stderr

    def names(self, kinds: str, namespace: str | None = None) -> set[str]:
        """Of the release's objects of these kinds."""
        chosen = ("-l", "app.kubernetes.io/name=modelyard", "-o", "name")
        return set(self.kubectl("get", kinds, "-n", namespace or self.namespace, *chosen).split())

    def answer(self, service: str, port: int, path: str) -> dict[str, Any]:
        """Of a Service, through the API server."""
        place = f"/api/v1/namespaces/{self.namespace}/services/{service}:{port}/proxy{path}"
        answer: dict[str, Any] = json.loads(self.kubectl("get", "--raw", place))
        return answer

    def may(self, verb: str, resource: str) -> bool:
        """Whether its account may do this where models are."""
        kind, _, part = resource.partition("/")
        options = ["-n", self.models, f"--as=system:serviceaccount:{self.namespace}:modelyard"]
        options += [f"--subresource={part}"] if part else []
        return self.kubectl("auth", "can-i", verb, kind, *options, check=False) == "yes"


@pytest.fixture(scope="module")
def image(real_kubeconfig: Path, tmp_path_factory: pytest.TempPathFactory) -> None:  # Its nodes get it.
    """The stand-in's, known to the nodes."""
    folder = tmp_path_factory.mktemp("platform")
    source = Path(__file__).with_name("platform_stand_in.py").read_bytes()
    modules = (
        "modelyard/main/migrate.py",
        "modelyard/local/mlflow_server.py",
        "modelyard/gateway_node/__main__.py",
        "modelyard_serving/cli.py",
    )
    packages = {f"{name.rpartition('/')[0]}/__init__.py": b"" for name in modules} | {"modelyard/__init__.py": b""}
    wheel = make_wheel(
        folder,
        "modelyard-serving",
        "0.1.0",
        files={**packages, **dict.fromkeys(modules, source)},
        scripts={"modelyard-serve": "modelyard_serving.cli:main"},
    )
    layout = Layout(folder / "layout")
    built = ImageBuilder(layout, require_space=plenty).build(
        name="platform",
        base=machine_base(layout, folder / "root"),
        python="3.11",
        wheels=[wheel],
        bundle=make_bundle(folder / "bundle"),
        metadata=ImageMetadata(),
    )
    export_archive(layout, built.descriptor, folder / "image.tar", reference=f"{REPOSITORY}:0.1.0")
    load_image(folder / "image.tar")
    layout.close()


@pytest.fixture(scope="module")
def release(real_kubeconfig: Path, image: None, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Release]:
    """Installed as the page says, on volumes of this machine, which is the cluster's node."""
    helm()
    mark = uuid4().hex[:6]
    release = Release(real_kubeconfig, f"platform-{mark}", f"models-{mark}")
    volumes = [_volume(release, name, tmp_path_factory.mktemp(name)) for name in ("home", "mlflow")]
    secrets = {
        "database": ["database-url", "jobs-database-url", "mlflow-database-url"],
        "keys": ["secrets-key", "webhooks-key", "tracking-key"],
    }
    try:
        for namespace in (release.namespace, release.models):
            release.kubectl("create", "namespace", namespace)
        for name, keys in secrets.items():
            literals = [f"--from-literal={key}={uuid4().hex}" for key in keys]
            release.kubectl("create", "secret", "generic", name, "-n", release.namespace, *literals)
        release.kubectl("apply", "-f", "-", given=yaml.safe_dump_all(volumes))
        release.helm("install", str(CHART), **_values(release))
        yield release
    finally:
        release.kubectl("delete", "namespace", release.namespace, release.models, "--wait=false", check=False)
        release.kubectl("delete", "pv", *(one["metadata"]["name"] for one in volumes), "--wait=false", check=False)


def _volume(release: Release, name: str, folder: Path) -> dict[str, Any]:
    folder.chmod(0o777)  # As a volume of which `fsGroup` makes the owner.
    claim = {"namespace": release.namespace, "name": f"modelyard-{name}"}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": f"{release.namespace}-{name}"},
        "spec": {
            "capacity": {"storage": "20Gi"},
            "accessModes": ["ReadWriteMany"],
            "storageClassName": "tests",
            "hostPath": {"path": str(folder)},
            "claimRef": claim,
        },
    }


def _values(release: Release, **more: str) -> dict[str, str]:
    return {
        "image.repository": REPOSITORY,
        "database.existingSecret": "database",
        "keys.existingSecret": "keys",
        "namespaces": f"{{{release.models}}}",
        "home.storageClass": "tests",
        "home.accessModes": "{ReadWriteMany}",
        "mlflow.storage.storageClass": "tests",
        "mlflow.storage.accessModes": "{ReadWriteMany}",
        "registry.repository": "registry.example.com/models",
        "runner.cpus": "1",
        "resources.requests.memory": "64Mi",
        "resources.requests.cpu": "10m",
        "gateway.enabled": "true",
        "gateway.drainSeconds": "5",
        "gateway.noticeSeconds": "1",
        "gateway.resources.requests.memory": "32Mi",
        "gateway.resources.requests.cpu": "10m",
        **more,
    }


class TestRelease:
    def test_the_schema_was_migrated_before_anything_started(self, release: Release) -> None:
        events = json.loads(release.kubectl("get", "events", "-n", release.namespace, "-o", "json"))["items"]
        (completed,) = [one for one in events if one["reason"] == "Completed"]
        assert completed["involvedObject"]["name"] == "modelyard-migration"
        made = (
            "get",
            "deployment",
            "modelyard",
            "-n",
            release.namespace,
            "-o",
            "jsonpath={.metadata.creationTimestamp}",
        )
        assert completed["metadata"]["creationTimestamp"] <= release.kubectl(*made)
        assert release.names("jobs") == set()

    def test_both_services_answer_from_pods_without_rights(self, release: Release) -> None:
        control = release.answer("modelyard", 80, "/health/ready")
        assert control["user"] == _HOME_OWNER
        assert {"MODELYARD_TARGETS", "MODELYARD_RUNNERS", "MODELYARD_SECRETS_KEY"} <= set(control["variables"])
        tracker = release.answer("modelyard-mlflow", 5000, "/health")
        assert "MODELYARD_MLFLOW_BACKEND_URI" in tracker["variables"]
        assert "MODELYARD_SECRETS_KEY" not in tracker["variables"]

    def test_two_nodes_of_the_gateway_answer_with_the_key_that_the_chart_made(self, release: Release) -> None:
        node = release.answer("modelyard-gateway", 80, "/-/ready")
        assert node["user"] == _HOME_OWNER
        assert "MODELYARD_GATEWAY_KEY" in node["variables"]
        assert not {"MODELYARD_DATABASE_URL", "MODELYARD_SECRETS_KEY"} & set(node["variables"])
        assert "MODELYARD_GATEWAY_KEY" in release.answer("modelyard", 80, "/health/ready")["variables"]
        where = ("get", "deployment", "modelyard-gateway", "-n", release.namespace, "-o")
        assert release.kubectl(*where, "jsonpath={.status.readyReplicas}") == "2"

    def test_its_account_may_do_what_the_page_says_and_read_no_secret(self, release: Release) -> None:
        page = (DOCUMENTS / "kubernetes.md").read_text()
        rules = yaml.safe_load(page.partition("```yaml\nrules:")[2].partition("```")[0])
        rights = [
            (verb, f"{resource}.{group}" if group else resource)
            for rule in rules
            for group in rule["apiGroups"]
            for resource in rule["resources"]
            for verb in rule["verbs"]
            if resource not in {"namespaces", "podmonitors"}  # Those of other settings.
        ]
        rights += [(verb, "jobs.batch") for verb in ("get", "create", "patch", "delete")]
        rights += [("create", "secrets"), ("delete", "secrets"), ("get", "pods/proxy"), ("create", "pods/proxy")]
        assert len(rights) > 20
        assert [right for right in rights if not release.may(*right)] == []
        assert not any(release.may(verb, "secrets") for verb in ("get", "list", "watch", "patch"))

    def test_an_upgrade_brings_a_second_control_plane_and_a_budget(self, release: Release) -> None:
        key = ("get", "secret", "modelyard-gateway", "-n", release.namespace, "-o", "jsonpath={.data.gateway-key}")
        before = release.kubectl(*key)
        release.helm("upgrade", str(CHART), **_values(release, replicas="2"))
        assert len([pod for pod in release.names("pods") if "mlflow" not in pod and "gateway" not in pod]) >= 2
        assert release.names("poddisruptionbudgets") == {
            f"poddisruptionbudget.policy/modelyard{name}" for name in ("", "-gateway")
        }
        assert release.kubectl(*key) == before
        assert release.answer("modelyard", 80, "/health/ready")["user"] == _HOME_OWNER

    def test_what_is_uninstalled_leaves_its_volumes_and_nothing_else(self, release: Release) -> None:
        release.helm("uninstall")
        kinds = (
            "deployments,services,jobs,poddisruptionbudgets,roles,rolebindings,serviceaccounts,networkpolicies,secrets"
        )
        assert release.names(kinds) | release.names(kinds, release.models) == set()
        assert release.names("persistentvolumeclaims") == {
            "persistentvolumeclaim/modelyard-home",
            "persistentvolumeclaim/modelyard-mlflow",
        }
