"""The compose file: what it sets is known, and its containers are held as tightly as pods are."""

from pathlib import Path

import yaml
from settings_variables import variables

FOLDER = Path(__file__).parents[2] / "deploy" / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
MODELYARD = COMPOSE["services"]["modelyard"]


def test_every_variable_is_one_of_the_control_planes() -> None:
    suggested = {line.lstrip("#").partition("=")[0] for line in _lines() if "=" in line and " " not in line[1:10]}
    ours = {name for name in suggested if name.startswith(("MODELYARD_", "MLFLOW_ARTIFACT"))}
    assert {*MODELYARD["environment"], *ours} <= variables()
    assert "MODELYARD_TARGETS" in ours


def test_nothing_is_set_that_nobody_chose() -> None:
    assert [line for line in _lines() if line.strip() and not line.startswith("#")] == []


def test_the_container_is_read_only_and_has_no_rights() -> None:
    assert MODELYARD["read_only"] is True
    assert MODELYARD["cap_drop"] == ["ALL"]
    assert MODELYARD["security_opt"] == ["no-new-privileges:true"]
    assert not any("docker.sock" in volume for volume in MODELYARD["volumes"])


def test_it_is_reached_from_this_machine_alone_unless_somebody_says_so() -> None:
    assert MODELYARD["ports"] == ["${MODELYARD_ADDRESS:-127.0.0.1}:8000:8000"]
    assert "ports" not in COMPOSE["services"]["database"]


def _lines() -> list[str]:
    return (FOLDER / "modelyard.env").read_text().splitlines()
