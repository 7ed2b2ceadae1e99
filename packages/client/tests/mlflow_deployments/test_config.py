"""What `-C key=value` may say."""

import pytest

from modelyard_client.autoscaling import Autoscaling
from modelyard_client.errors import Invalid
from modelyard_client.mlflow_deployments.config import CREATE, UPDATE, autoscaling_of, read, resources_of
from modelyard_client.resources import Resources


class TestRead:
    def test_values_have_the_type_of_their_key_as_text_and_as_python_has_them(self) -> None:
        texts = read({"replicas": "2", "cpu": "0.5", "wait": "false", "namespace": "7"}, CREATE)

        assert texts == {"replicas": 2, "cpu": 0.5, "wait": False, "namespace": "7"}
        assert read({"replicas": 2, "cpu": 0.5, "wait": False, "namespace": "7"}, CREATE) == texts

    def test_an_unknown_key_is_refused_by_name_with_those_that_there_are(self) -> None:
        with pytest.raises(Invalid, match="config: 'replica' expected replicas, target, namespace"):
            read({"replica": "2"}, CREATE)

    def test_a_key_that_only_a_new_deployment_has_is_refused_as_one(self) -> None:
        with pytest.raises(Invalid, match="'target' cannot be changed of a deployment that is there"):
            read({"target": "docker"}, UPDATE)

    @pytest.mark.parametrize(
        ("key", "value"),
        [
            ("replicas", "2.5"),
            ("replicas", "two"),
            ("replicas", True),
            ("cpu", "nan"),
            ("wait", "maybe"),
            ("target", ""),
            ("target", 3),
            ("cpu", None),
        ],
    )
    def test_a_value_of_another_type_is_refused_with_what_was_expected(self, key: str, value: object) -> None:
        with pytest.raises(Invalid, match=f"config {key}: expected .* got"):
            read({key: value}, CREATE)


def test_resources_and_bounds_are_those_that_were_given() -> None:
    values = read({"cpu": 2, "gpus": "1", "max_replicas": "4"}, CREATE)

    assert resources_of(values) == Resources(cpu=2, gpus=1)
    assert autoscaling_of(values) == Autoscaling(min_replicas=1, max_replicas=4)
    assert (resources_of({}), autoscaling_of({})) == (None, None)


def test_bounds_without_a_highest_number_are_refused() -> None:
    with pytest.raises(Invalid, match="config min_replicas: expected with max_replicas"):
        autoscaling_of({"min_replicas": 2})
