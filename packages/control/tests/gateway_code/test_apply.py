"""Files that say what the gateway shall have: applied as a whole or not at all, on either database."""

import time
from collections.abc import Callable

import pytest
import yaml
from apim_world import PETRA

from modelyard.adapters.service_hosts.fake import FakeServiceHosts
from modelyard.errors import Conflict, Forbidden, Invalid
from modelyard.gateway_code.domain import Action, Outcome
from modelyard.gateway_code.reading import SourceFile
from modelyard.gateway_code.service import GatewayCode
from modelyard.main.control_plane import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.rollouts.plan import Plan, plan_to_json
from modelyard.subscriptions.domain import Scope, ScopeKind
from modelyard.subscriptions.limits import UNLIMITED

_FILE = """\
version_sets:
  - version_set_id: ml-model
    display_name: ML Model Serving Versions
    versioning_scheme: Segment
apis:
  - api_id: ml-model-v1
    display_name: ML Model Serving v1
    path: ml-model
    api_version: v1
    api_version_set_id: ml-model
    description: Version 1 of the ML Model Serving API
    service_url: http://backend-for-ml-model-v1
    release:
      release_id: ml-model-release-v1
      api_release_notes: Initial Release of ML Model v1
"""


@pytest.fixture
def code(control_plane: ControlPlane) -> GatewayCode:
    return control_plane.gateway_code.code


def _apply(code: GatewayCode, *files: str, prunes: bool = False, is_dry: bool = False) -> Outcome:
    sources = [SourceFile(f"file-{number}.yaml", content) for number, content in enumerate(files, start=1)]
    return code.apply(PETRA, sources, prunes=prunes, is_dry=is_dry)


def _actions(outcome: Outcome) -> dict[str, Action]:
    return {each.key: each.action for each in outcome.changes}


def _state(code: GatewayCode) -> str:
    return code.export(PETRA)


class TestApply:
    def test_a_file_is_made_exported_and_applied_again_without_a_change(self, code: GatewayCode) -> None:
        assert _actions(_apply(code, _FILE)) == {"ml-model": Action.CREATE, "ml-model-v1": Action.CREATE}

        exported = _state(code)
        assert yaml.safe_load(exported) == yaml.safe_load(_FILE)
        for again in (_FILE, exported):
            assert set(_actions(_apply(code, again)).values()) == {Action.UNCHANGED}

    def test_a_dry_run_finds_the_same_and_changes_nothing(self, code: GatewayCode) -> None:
        before = _state(code)
        dry = _apply(code, _FILE, is_dry=True)

        assert _state(code) == before
        assert not dry.is_applied
        assert _apply(code, _FILE).changes == dry.changes

    def test_a_changed_field_is_named_with_both_values(self, code: GatewayCode) -> None:
        _apply(code, _FILE)
        outcome = _apply(code, _FILE.replace("v1 of the", "one of the").replace("Version 1", "First version"))

        change = next(each for each in outcome.changes if each.action is Action.UPDATE)
        assert [(each.field, each.before) for each in change.differences] == [
            ("description", "Version 1 of the ML Model Serving API")
        ]

    def test_another_target_is_a_new_revision_and_needs_a_release_of_its_own(self, code: GatewayCode) -> None:
        _apply(code, _FILE)
        moved = _FILE.replace("http://backend-for-ml-model-v1", "http://second")
        problems = _apply(code, moved, is_dry=True).problems
        assert [(each.place.line, each.field) for each in problems] == [(14, "apis.release.release_id")]

        _apply(code, moved.replace("ml-model-release-v1", "second"))
        assert "release_id: second" in _state(code)

    def test_a_file_without_a_release_leaves_the_one_that_there_is(self, code: GatewayCode) -> None:
        _apply(code, _FILE)

        without = _FILE.partition("    release:")[0]
        assert _actions(_apply(code, without))["ml-model-v1"] is Action.UNCHANGED
        assert _actions(_apply(code, without.replace("http://backend", "http://other")))["ml-model-v1"] is Action.UPDATE
        assert _actions(_apply(code, without.replace("http://backend", "http://other")))["ml-model-v1"] is (
            Action.UNCHANGED
        )

    def test_what_a_file_does_not_name_stays_unless_it_is_pruned(self, code: GatewayCode) -> None:
        _apply(code, _FILE)
        other = yaml.safe_load(_FILE)
        other["apis"][0] |= {"api_id": "other", "path": "other", "api_version": None, "api_version_set_id": None}
        only_other = yaml.safe_dump({"apis": other["apis"]})

        _apply(code, only_other)
        assert {"ml-model-v1", "other"} <= {each["api_id"] for each in yaml.safe_load(_state(code))["apis"]}
        outcome = _apply(code, only_other, prunes=True)
        assert _actions(outcome) == {"other": Action.UNCHANGED, "ml-model-v1": Action.DELETE}
        assert yaml.safe_load(_state(code))["version_sets"]  # No list of the file, so nothing of it is pruned.

    def test_products_are_made_after_their_apis_and_pruned_before_them(self, code: GatewayCode) -> None:
        limits = "limits: {rate: {calls: 5, seconds: 60}}"
        products = f"products:\n  - {{product_id: team, display_name: Team, api_ids: [ml-model-v1], {limits}}}\n"
        _apply(code, _FILE, products)
        assert yaml.safe_load(_state(code))["products"][0]["limits"] == {"rate": {"calls": 5, "seconds": 60}}
        assert _actions(_apply(code, products)) == {"team": Action.UNCHANGED}

        other = products.replace("product_id: team", "product_id: other").replace("[ml-model-v1]", "[]")
        keeps = _FILE.replace("ml-model-v1", "ml-model-v2").replace("api_version: v1", "api_version: v2")
        outcome = _apply(code, other, keeps, prunes=True)
        assert [each.key for each in outcome.changes if each.action is Action.DELETE] == ["team", "ml-model-v1"]

    def test_an_end_of_an_api_that_is_active_is_refused(self, code: GatewayCode) -> None:
        ending = _FILE.replace("    release:", "    sunset_at: 2090-01-01T00:00:00Z\n    release:")
        with pytest.raises(Invalid, match="sunset_at: expected none of an API that is active"):
            _apply(code, ending)

    def test_a_deprecated_api_keeps_its_moment(self, code: GatewayCode) -> None:
        deprecated = _FILE.replace("    release:", "    status: deprecated\n    release:")
        _apply(code, deprecated)

        assert "deprecated_at: '" in _state(code)
        assert _actions(_apply(code, deprecated))["ml-model-v1"] is Action.UNCHANGED
        assert _actions(_apply(code, _FILE))["ml-model-v1"] is Action.UPDATE
        assert _actions(_apply(code, _FILE))["ml-model-v1"] is Action.UNCHANGED

    def test_what_callers_rely_on_does_not_change(self, code: GatewayCode) -> None:
        _apply(code, _FILE)

        problems = _apply(code, _FILE.replace("path: ml-model", "path: other"), is_dry=True).problems
        assert [(each.field, each.place.line) for each in problems] == [("apis.path", 8)]

    def test_several_files_and_documents_are_one(self, code: GatewayCode) -> None:
        sets, _, apis = _FILE.partition("apis:")

        outcome = _apply(code, f"apis:{apis}", f"---\n{sets}---\n")
        assert _actions(outcome) == {"ml-model": Action.CREATE, "ml-model-v1": Action.CREATE}


_SUBSCRIPTION = """\
subscriptions:
  - name: shop
    display_name: Web shop
    scope: {kind: api, name: ml-model-v1}
    limits: {quota: {calls: 1000, period: day}}
"""
_TRAFFIC = """\
traffic:
  - model_name: churn
    shares: [{version: 1, percent: 90}, {version: 2, percent: 10}]
    sticky: {by: header, name: x-customer}
"""
_PLAN = """\
rollout_plans:
  - model_name: churn
    steps: [{shadow: 20}, {pause: {seconds: 60}}, {weight: 50}, {full: true}]
    guardrails: {latency: null, alpha: 0.01}
"""


@pytest.fixture
def churn(control_plane: ControlPlane, log_model: Callable[..., LoggedModel]) -> None:
    """A model with two versions."""
    for _ in range(2):
        control_plane.registry.register(PETRA, model_name="churn", logged=log_model())


@pytest.mark.usefixtures("churn")
class TestKinds:
    @pytest.mark.parametrize(
        ("file", "key", "before", "after", "field"),
        [
            (_SUBSCRIPTION, "shop", "1000", "50", "limits.quota.calls"),
            (_SUBSCRIPTION, "shop", "    limits", "    status: suspended\n    limits", "status"),
            (_TRAFFIC, "churn", "x-customer", "x-client", "sticky.name"),
            (_PLAN, "churn", "alpha: 0.01", "alpha: 0.02", "guardrails.alpha"),
        ],
    )
    def test_one_is_made_exported_and_changed(
        self, code: GatewayCode, file: str, key: str, before: str, after: str, field: str
    ) -> None:
        changed = file.replace(before, after)
        assert _actions(_apply(code, _FILE, file))[key] is Action.CREATE
        for again in (file, _state(code)):
            assert set(_actions(_apply(code, again)).values()) == {Action.UNCHANGED}

        change = next(each for each in _apply(code, changed).changes if each.key == key)
        assert (change.action, [each.field for each in change.differences]) == (Action.UPDATE, [field])
        assert _actions(_apply(code, _state(code)))[key] is Action.UNCHANGED
        (kind,) = yaml.safe_load(changed)
        assert yaml.safe_load(_state(code))[kind] == yaml.safe_load(changed)[kind]

    @pytest.mark.parametrize(
        ("file", "key", "other"),
        [
            (_SUBSCRIPTION, "shop", ("name: shop", "name: other")),
            (_TRAFFIC, "churn", ("model_name: churn", "model_name: iris")),
            (_PLAN, "churn", ("model_name: churn", "model_name: iris")),
        ],
    )
    def test_one_that_no_file_names_is_pruned(
        self,
        code: GatewayCode,
        control_plane: ControlPlane,
        log_model: Callable[..., LoggedModel],
        file: str,
        key: str,
        other: tuple[str, str],
    ) -> None:
        for _ in range(2):
            control_plane.registry.register(PETRA, model_name="iris", logged=log_model())
        _apply(code, _FILE, file)
        outcome = _apply(code, file.replace(*other), prunes=True)
        assert _actions(outcome)[key] is Action.DELETE
        assert _actions(_apply(code, file))[key] is Action.CREATE

    def test_steps_that_are_the_default_ones_may_be_written_or_left_out(self, code: GatewayCode) -> None:
        plan = {"model_name": "churn", "warm_seconds": 60}
        _apply(code, yaml.safe_dump({"rollout_plans": [plan]}))
        written = yaml.safe_dump({"rollout_plans": [{**plan, "steps": plan_to_json(Plan())["steps"]}]})
        assert _actions(_apply(code, written)) == {"churn": Action.UNCHANGED}

    def test_a_subscription_keeps_its_keys_and_its_scope(self, code: GatewayCode, control_plane: ControlPlane) -> None:
        _apply(code, _FILE, _SUBSCRIPTION)
        subscriptions = control_plane.subscriptions.subscriptions
        (made,) = subscriptions.named(PETRA)
        _apply(code, _SUBSCRIPTION.replace("Web shop", "Shop"))
        (changed,) = subscriptions.named(PETRA)
        assert (changed.display_name, changed.primary_digest) == ("Shop", made.primary_digest)

        problems = _apply(
            code, _SUBSCRIPTION.replace("kind: api, name: ml-model-v1", "kind: all"), is_dry=True
        ).problems
        assert [each.field for each in problems] == ["subscriptions.scope"]
        with pytest.raises(Conflict) as taken:
            subscriptions.create(
                PETRA,
                name="shop",
                display_name="x",
                scope=Scope(ScopeKind.ALL),
                expires_at=None,
                client=None,
                limits=UNLIMITED,
            )
        assert taken.value.code == "name_taken"


class TestWhoSees:
    def test_subscriptions_are_exported_to_who_may_read_them(self, code: GatewayCode) -> None:
        _apply(code, _FILE, _SUBSCRIPTION)
        developer = Principal(tenant_id=PETRA.tenant_id, subject="dora", role=Role.DEVELOPER)
        assert yaml.safe_load(code.export(developer)).keys() == yaml.safe_load(_FILE).keys()
        assert "subscriptions" in yaml.safe_load(code.export(PETRA))


class TestLookUps:
    def test_hosts_of_service_urls_are_looked_up_before_the_transaction(
        self, code: GatewayCode, control_plane: ControlPlane, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        asked: list[str] = []

        def refusal(_: object, url: str) -> str | None:
            assert control_plane.database._joined_connection() is None
            with control_plane.database.write():  # It waits for whoever holds the writer's lock.
                asked.append(url)
            return "no" if "private" in url else None

        monkeypatch.setattr(FakeServiceHosts, "refusal", refusal)
        problems = _apply(code, _FILE.replace("//backend", "//private"), is_dry=True).problems
        assert [each.message for each in problems] == ["no"]
        _apply(code, _FILE)
        _apply(code, _FILE)
        assert asked == ["http://private-for-ml-model-v1", "http://backend-for-ml-model-v1"]


class TestProblems:
    @pytest.mark.parametrize(
        ("before", "after", "line", "field"),
        [
            ("path: ml-model\n", "path: 5\n", 8, "apis.path"),
            ("    path: ml-model\n", "", 6, "apis.path"),
            ("    path:", "    paht: x\n    path:", 8, "apis.paht"),
            ("Segment", "Path", 4, "version_sets.versioning_scheme"),
            ("    versioning_scheme: Segment", "    versioning_scheme: Header", 2, "version_sets.version_header_name"),
            ("api_version_set_id: ml-model", "api_version_set_id: none", 6, "apis"),
            ("    service_url: http://backend-for-ml-model-v1\n", "", 6, "apis.service_url"),
            ("apis:", "api:", 5, "api"),
            ("    path: ml-model\n", "    path: ml-model\n    path: b\n", 9, ""),
            ("ML Model Serving v1", "*alias", 7, ""),
            ("ML Model Serving v1", "!!python/name:os.system x", 7, ""),
            ("version_sets:", "version_sets: {}\nmore:", 1, "version_sets"),
        ],
    )
    def test_each_is_at_its_line_and_nothing_is_changed(
        self, code: GatewayCode, before: str, after: str, line: int, field: str
    ) -> None:
        assert before in _FILE
        wrong = _FILE.replace(before, after)

        problems = _apply(code, wrong, is_dry=True).problems
        assert (problems[0].place.file, problems[0].place.line, problems[0].field) == ("file-1.yaml", line, field)
        with pytest.raises(Invalid, match=rf"file-1\.yaml:{line}: "):
            _apply(code, wrong)
        assert _state(code) == ""

    def test_all_of_them_are_found_at_once(self, code: GatewayCode) -> None:
        wrong = _FILE.replace("Segment", "Path").replace("path: ml-model", "path: 5")

        assert len(_apply(code, wrong, is_dry=True).problems) == 2

    def test_what_the_gateway_refuses_undoes_what_was_made_before(self, code: GatewayCode) -> None:
        wrong = _FILE.replace("api_version_set_id: ml-model", "api_version_set_id: none")

        with pytest.raises(Invalid, match="there is no version set 'none'"):
            _apply(code, wrong)
        assert _state(code) == ""

    def test_the_same_object_twice_names_the_first_place(self, code: GatewayCode) -> None:
        problem = _apply(code, _FILE, _FILE, is_dry=True).problems[0]

        assert (
            problem.sentence
            == "file-2.yaml:2: version_sets.version_set_id: 'ml-model' is declared at file-1.yaml:2 already"
        )

    def test_a_deep_nest_is_refused(self, code: GatewayCode) -> None:
        begun = time.process_time()
        problem = _apply(code, "apis: " + "[" * 500_000, is_dry=True).problems[0]
        assert problem.sentence == "file-1.yaml:1: expected YAML: it is nested deeper than 50 levels"
        assert time.process_time() - begun < 5

    def test_who_may_not_release_is_refused(self, code: GatewayCode) -> None:
        reader = Principal(tenant_id="default", subject="vera", role=Role.VIEWER)

        with pytest.raises(Forbidden, match="version_sets"):
            code.apply(reader, [SourceFile("a.yaml", _FILE)], prunes=False, is_dry=True)
