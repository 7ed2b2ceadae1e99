"""Which mechanism is taken, and what is refused."""

from pathlib import Path

import pytest

from modelyard.errors import Invalid
from modelyard.isolation import IsolationChoice, Mechanism, choose_isolation
from modelyard.isolation.mechanism import Abilities

HOME = Path("/srv/modelyard")
EVERYTHING = Abilities(abi=7, has_mounts=True, has_users=True)
NOT_ROOT = Abilities(abi=7, has_mounts=True, has_users=False)
IN_A_CONTAINER = Abilities(abi=7, has_mounts=False, has_users=False)
OLD = Abilities(abi=4, has_mounts=False, has_users=False)
NOTHING = Abilities(abi=0, has_mounts=False, has_users=False)


@pytest.mark.parametrize(
    ("able", "choice", "mechanism"),
    [
        (EVERYTHING, "auto", "user"),
        (EVERYTHING, "required", "user"),
        (EVERYTHING, "landlock", "landlock"),
        (EVERYTHING, "none", "none"),
        (NOT_ROOT, "auto", "landlock"),
        (IN_A_CONTAINER, "required", "landlock"),
        (NOTHING, "auto", "none"),
        (NOTHING, "none", "none"),
    ],
)
def test_the_strongest_that_is_there_and_wanted_is_taken(
    monkeypatch: pytest.MonkeyPatch, able: Abilities, choice: str, mechanism: str
) -> None:
    monkeypatch.setattr("modelyard.isolation.mechanism._abilities", lambda: able)

    chosen = choose_isolation(IsolationChoice(choice), home=HOME)

    assert chosen.mechanism == mechanism
    assert chosen.description.startswith(f"{mechanism}: ")


@pytest.mark.parametrize(
    ("able", "choice", "lack"),
    [
        (NOTHING, "required", "Linux 5.13"),
        (NOTHING, "landlock", "Linux 5.13"),
        (NOT_ROOT, "user", "needs root"),
    ],
)
def test_what_is_demanded_and_not_there_is_refused_with_what_it_needs(
    monkeypatch: pytest.MonkeyPatch, able: Abilities, choice: str, lack: str
) -> None:
    monkeypatch.setattr("modelyard.isolation.mechanism._abilities", lambda: able)

    with pytest.raises(Invalid, match=lack) as caught:
        choose_isolation(IsolationChoice(choice), home=HOME)

    assert caught.value.code == "isolation_unavailable"


def test_a_home_that_every_program_may_read_cannot_be_closed_by_rules_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelyard.isolation.mechanism._abilities", lambda: IN_A_CONTAINER)

    assert choose_isolation(IsolationChoice.AUTO, home=Path("/usr/local/modelyard")).mechanism is Mechanism.NONE


def test_the_description_names_what_an_old_kernel_lets_happen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("modelyard.isolation.mechanism._abilities", lambda: OLD)

    assert "lets a script end processes of the same account" in choose_isolation(IsolationChoice.AUTO).description
