"""Names in MLflow, where nothing else keeps tenants apart."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.registry.mirror_name import mirror_name, model_of_mirror

TENANTS = st.from_regex(r"[a-z][a-z0-9]*(?:-[a-z0-9]+)*", fullmatch=True)
MODELS = st.from_regex(r"[a-z](?:[a-z0-9-]{0,48}[a-z0-9])?", fullmatch=True)


class TestMirrorName:
    @pytest.mark.parametrize(
        ("tenant_id", "model_name", "shown"),
        [
            ("default", "iris", "iris"),
            ("acme", "iris", "acme--iris"),
            ("default", "acme--iris", "default--acme--iris"),
        ],
    )
    def test_the_first_tenants_are_plain_unless_they_could_be_anothers(
        self, tenant_id: str, model_name: str, shown: str
    ) -> None:
        assert mirror_name(tenant_id, model_name) == shown

    @given(tenant_id=TENANTS | st.just("default"), model_name=MODELS)
    def test_it_tells_tenant_and_model_again(self, tenant_id: str, model_name: str) -> None:
        assert model_of_mirror(mirror_name(tenant_id, model_name)) == (tenant_id, model_name)
