"""Names in MLflow, where nothing else keeps tenants apart."""

from itertools import islice

import pytest
from hypothesis import given
from hypothesis import strategies as st

from modelyard.tracker_names import MAX_MIRROR_NAME, mirror_name, mirror_names, model_of_mirror

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

    @given(tenant_id=TENANTS, model_name=st.text(min_size=1, max_size=255))
    def test_each_choice_fits_into_mlflows_column_and_is_another(self, tenant_id: str, model_name: str) -> None:
        names = list(islice(mirror_names(tenant_id[:40], model_name), 4))
        assert max(map(len, names)) <= MAX_MIRROR_NAME
        assert len(set(names)) == len(names)
