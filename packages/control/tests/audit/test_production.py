"""What was in production when, by the log alone."""

from collections.abc import Callable
from datetime import datetime, timedelta
from uuid import uuid4

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from modelyard.adapters.clock.manual import ManualClock
from modelyard.errors import Invalid, NotFound
from modelyard.main import ControlPlane
from modelyard.ports.tracking import LoggedModel
from modelyard.principals import Principal, Role
from modelyard.registry.states import TRANSITIONS, Stage

BOB = Principal(tenant_id="default", subject="bob", role=Role.APPROVER)
MOMENT = timedelta(microseconds=1)


class Yard:
    """A model whose versions are moved, an hour between any two moves."""

    def __init__(self, control_plane: ControlPlane, clock: ManualClock, alice: Principal, name: str) -> None:
        self._control = control_plane
        self._clock = clock
        self._alice = alice
        self.name = name

    def register(self, logged: LoggedModel) -> int:
        return self._control.registry.register(self._alice, model_name=self.name, logged=logged).version

    def stage_of(self, version: int) -> Stage:
        return self._control.registry.version(self._alice, self.name, version).stage

    def move(self, version: int, to: Stage) -> datetime:
        """Move it, and tell when."""
        self._clock.sleep(3600)
        found = self._control.registry.version(self._alice, self.name, version)
        if to is not Stage.PRODUCTION:
            self._control.promotion.change_stage(self._alice, found, to, comment="because", revision=None)
            return self._clock.now()
        request = self._control.promotion.request(self._alice, found, comment="because")
        self._control.promotion.approve(BOB, self.name, request.request_id, comment="yes", revision=None)
        return self._clock.now()

    def roll_back(self) -> datetime:
        self._clock.sleep(3600)
        self._control.promotion.rollback(BOB, self.name, comment="too slow")
        return self._clock.now()

    def at(self, moment: datetime | None) -> int | None:
        _, stay = self._control.audit.production_at(self._alice, self.name, moment)
        return None if stay is None else stay.version


@pytest.fixture
def yard(
    control_plane: ControlPlane, clock: ManualClock, alice: Principal, log_model: Callable[..., LoggedModel]
) -> Yard:
    """Two versions in staging."""
    yard = Yard(control_plane, clock, alice, "iris")
    for _ in range(2):
        yard.move(yard.register(log_model()), Stage.STAGING)
    return yard


class TestProductionAt:
    def test_before_the_first_promotion_nothing_was(self, yard: Yard) -> None:
        came = yard.move(1, Stage.PRODUCTION)
        assert (yard.at(came - MOMENT), yard.at(came), yard.at(None)) == (None, 1, 1)

    def test_the_moment_of_a_promotion_belongs_to_the_one_that_comes(self, yard: Yard, clock: ManualClock) -> None:
        first, second = yard.move(1, Stage.PRODUCTION), yard.move(2, Stage.PRODUCTION)
        clock.sleep(3600)
        assert [yard.at(at) for at in (first, second - MOMENT, second, None)] == [1, 1, 2, 2]

    def test_a_clock_that_is_set_back_hides_nothing_of_what_is_in_production_now(
        self, yard: Yard, clock: ManualClock
    ) -> None:
        first = yard.move(1, Stage.PRODUCTION)
        second = yard.move(2, Stage.PRODUCTION)
        clock.sleep(-7200)
        assert [yard.at(at) for at in (first, second - MOMENT, second, None)] == [1, 1, 2, 2]

    def test_a_rollback_is_a_stay_of_its_own(self, yard: Yard) -> None:
        yard.move(1, Stage.PRODUCTION)
        second = yard.move(2, Stage.PRODUCTION)
        back = yard.roll_back()
        assert [yard.at(at) for at in (second, back - MOMENT, back)] == [2, 2, 1]

    @pytest.mark.parametrize("to", [Stage.ARCHIVED, Stage.STAGING])
    def test_nothing_was_after_it_left_without_another(self, yard: Yard, to: Stage) -> None:
        yard.move(1, Stage.PRODUCTION)
        left = yard.move(1, to)
        assert (yard.at(left - MOMENT), yard.at(left), yard.at(None)) == (1, None, None)

    @pytest.mark.parametrize(
        ("action", "subject"), [("version.deleted", "models/iris/versions/1"), ("model.deleted", "models/iris")]
    )
    def test_nothing_was_after_it_was_deleted_and_before_it_still_was(
        self, yard: Yard, control_plane: ControlPlane, clock: ManualClock, alice: Principal, action: str, subject: str
    ) -> None:
        came = yard.move(1, Stage.PRODUCTION)
        clock.sleep(60)
        with control_plane.database.write() as connection:
            control_plane.audit.record(connection, principal=alice, action=action, subject=subject)
        assert (yard.at(clock.now() - MOMENT), yard.at(clock.now()), yard.at(came)) == (1, None, 1)

    def test_it_says_since_when_until_when_and_who_brought_it(
        self, yard: Yard, control_plane: ControlPlane, alice: Principal
    ) -> None:
        came = yard.move(1, Stage.PRODUCTION)
        left = yard.move(2, Stage.PRODUCTION)
        _, stay = control_plane.audit.production_at(alice, "iris", came)
        assert stay is not None
        assert (stay.since.at, stay.until, stay.since.actor) == (came, left, "bob")
        _, stay = control_plane.audit.production_at(alice, "iris", left)
        assert stay is not None
        assert stay.until is None

    def test_another_models_versions_are_not_taken_for_its_own(
        self,
        yard: Yard,
        control_plane: ControlPlane,
        clock: ManualClock,
        alice: Principal,
        log_model: Callable[..., LoggedModel],
    ) -> None:
        other = Yard(control_plane, clock, alice, "iris2")
        other.move(other.register(log_model()), Stage.STAGING)
        other.move(1, Stage.PRODUCTION)
        assert (yard.at(None), other.at(None)) == (None, 1)

    def test_a_model_that_the_log_has_never_heard_of_is_not_found(
        self, yard: Yard, control_plane: ControlPlane, stranger: Principal, clock: ManualClock
    ) -> None:
        with pytest.raises(NotFound):
            control_plane.audit.production_at(stranger, "iris", clock.now())

    def test_the_future_is_not_reported(self, yard: Yard, clock: ManualClock) -> None:
        with pytest.raises(Invalid, match="at: expected a moment that has been"):
            yard.at(clock.now() + MOMENT)

    @settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
    @given(moves=st.lists(st.tuples(st.integers(1, 3), st.sampled_from(Stage)), max_size=12))
    def test_it_agrees_with_who_wrote_down_every_moment(
        self,
        sqlite_control_plane: ControlPlane,
        clock: ManualClock,
        alice: Principal,
        log_model: Callable[..., LoggedModel],
        moves: list[tuple[int, Stage]],
    ) -> None:
        yard = Yard(sqlite_control_plane, clock, alice, f"m-{uuid4().hex}")
        for _ in range(3):
            yard.register(log_model())
        diary: list[tuple[datetime, int | None]] = [(clock.now(), None)]
        for version, to in moves:
            if to not in TRANSITIONS[yard.stage_of(version)]:
                continue
            at = yard.move(version, to)
            live = [number for number in (1, 2, 3) if yard.stage_of(number) is Stage.PRODUCTION]
            diary.append((at, live[0] if live else None))
        clock.sleep(1)
        for (at, live_then), before in zip(diary, [None, *(live for _, live in diary)], strict=False):
            assert (yard.at(at), yard.at(at - MOMENT)) == (live_then, before)
