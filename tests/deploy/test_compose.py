"""The compose file: what it sets is known, and its containers are held as tightly as pods are."""

import json
from pathlib import Path

import yaml
from settings_variables import variables

from modelyard.adapters.target.local_options import LocalOptions

FOLDER = Path(__file__).parents[2] / "deploy" / "compose"
COMPOSE = yaml.safe_load((FOLDER / "compose.yaml").read_text())
MODELYARD = COMPOSE["services"]["modelyard"]


def test_every_variable_is_one_of_the_control_planes() -> None:
    suggested = {line.lstrip("#").partition("=")[0] for line in _lines() if "=" in line and " " not in line[1:10]}
    ours = {name for name in suggested if name.startswith(("MODELYARD_", "MLFLOW_ARTIFACT"))}
    assert {*MODELYARD["environment"], *ours} <= variables()
    assert "MODELYARD_TARGETS" in ours


def test_model_servers_are_reached_at_the_ports_that_are_published() -> None:
    given = dict(line.split("=", 1) for line in _lines() if line.strip() and not line.startswith("#"))
    options = LocalOptions.model_validate(json.loads(given.pop("MODELYARD_TARGETS"))["local"])
    assert options.host.is_unspecified
    last = int(given.pop("MODELYARD_SERVER_PORT_LAST"))
    assert MODELYARD["ports"][-1].endswith(f":20000-{last}:20000-{last}")
    assert given == {}


def test_the_container_is_read_only_and_has_no_rights() -> None:
    assert MODELYARD["read_only"] is True
    assert MODELYARD["cap_drop"] == ["ALL"]
    assert MODELYARD["security_opt"] == ["no-new-privileges:true"]
    assert not any("docker.sock" in volume for volume in MODELYARD["volumes"])


def test_it_is_reached_from_this_machine_alone_unless_somebody_says_so() -> None:
    assert len(MODELYARD["ports"]) == 3
    assert all(port.startswith("${MODELYARD_ADDRESS:-127.0.0.1}:") for port in MODELYARD["ports"])
    assert "ports" not in COMPOSE["services"]["database"]


def test_composes_first_release_reads_the_file_too() -> None:
    assert COMPOSE.keys() == {"services", "volumes"}
    assert (FOLDER / ".env").read_text() == "COMPOSE_PROJECT_NAME=modelyard\n"


def _lines() -> list[str]:
    return (FOLDER / "modelyard.env").read_text().splitlines()
