"""What an operator may say of a cluster, and how what is wrong is refused."""

from pathlib import Path
from typing import Any

import pytest
import yaml

from modelyard.adapters.kubernetes.connection import connect
from modelyard.adapters.target.kubernetes.options import KubernetesOptions
from modelyard.adapters.target.options import read_options
from modelyard.errors import Invalid


def read(**options: Any) -> KubernetesOptions:
    return read_options(KubernetesOptions, "eu", options)


class TestOptions:
    @pytest.mark.parametrize(
        ("options", "sentence"),
        [
            ({}, "expected either kubeconfig"),
            ({"in_cluster": True, "kubeconfig": "/a"}, "expected either kubeconfig"),
            ({"in_cluster": True, "context": "eu"}, "expected a context with a kubeconfig only"),
            ({"in_cluster": True, "contxt": "eu"}, "contxt: expected no such field"),
            ({"in_cluster": True, "service": {"type": "NodePort"}}, "service: expected node_host"),
            ({"in_cluster": True, "service": {"type": "External"}}, "service.type: expected 'ClusterIP'"),
            ({"in_cluster": True, "allowed_namespaces": ["kube-*"]}, "allowed_namespaces: expected names"),
            ({"in_cluster": True, "namespace": "Models"}, "namespace: expected names"),
            ({"in_cluster": True, "default_resources": {"cpu": 0}}, "default_resources.cpu: expected greater"),
        ],
    )
    def test_what_is_wrong_is_refused_by_its_name(self, options: dict[str, Any], sentence: str) -> None:
        with pytest.raises(Invalid, match="MODELYARD_TARGETS: the target 'eu': ") as refused:
            read(**options)
        assert sentence in refused.value.message
        assert (refused.value.code, refused.value.field) == ("target_options_invalid", "targets.eu")

    def test_a_deployment_goes_where_the_operator_allows(self) -> None:
        options = read(in_cluster=True, allowed_namespaces=["asgard", "models-*"])
        assert options.namespace_of("asgard") == "asgard"
        assert options.namespace_of("Models EU") == "models-eu"
        assert read(in_cluster=True, namespace="serving").namespace_of("asgard") == "serving"

    @pytest.mark.parametrize("asked", ["default", "kube-system", "models"])
    def test_every_other_namespace_is_refused(self, asked: str) -> None:
        with pytest.raises(Invalid, match=f"'asgard', 'models-\\*'\\), got '{asked}'"):
            read(in_cluster=True, allowed_namespaces=["asgard", "models-*"]).namespace_of(asked)

    def test_no_pattern_opens_the_namespaces_of_the_system(self) -> None:
        with pytest.raises(Invalid, match="got 'kube-system'"):
            read(in_cluster=True, allowed_namespaces=["*"]).namespace_of("kube-system")

    def test_only_one_namespace_is_looked_into_where_there_is_only_one(self) -> None:
        assert read(in_cluster=True).only_namespace == "default"
        assert read(in_cluster=True, namespace="serving").only_namespace == "serving"
        assert read(in_cluster=True, allowed_namespaces=["models-*"]).only_namespace is None


class TestConnecting:
    def test_a_kubeconfig_that_is_not_there_is_named(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match=r"kubeconfig \(.*nowhere\): .* not found"):
            connect(read(kubeconfig=tmp_path / "nowhere"))

    @pytest.mark.parametrize("content", ["", "[]", "clusters: 1", "{", "clusters: [{name: a}]"])
    def test_a_file_that_is_no_kubeconfig_is_refused(self, tmp_path: Path, content: str) -> None:
        path = tmp_path / "kubeconfig"
        path.write_text(content)
        with pytest.raises(Invalid, match="expected the configuration of a cluster"):
            connect(read(kubeconfig=path))

    def test_a_context_that_is_not_in_it_is_named(self, tmp_path: Path) -> None:
        path = tmp_path / "kubeconfig"
        path.write_text(yaml.safe_dump({"clusters": [], "contexts": [], "users": []}))
        with pytest.raises(Invalid, match="Context 'us' not found"):
            connect(read(kubeconfig=path, context="us"))

    def test_outside_of_a_cluster_there_is_no_service_account(self) -> None:
        with pytest.raises(Invalid, match="in_cluster"):
            connect(read(in_cluster=True))
