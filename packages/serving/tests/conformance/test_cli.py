"""The command `modelyard-conformance`."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from fake_server import Addresses, serving

from modelyard_serving.conformance.checks import CHECKS
from modelyard_serving.conformance.cli import main
from modelyard_serving.conformance.report import from_json


@pytest.fixture(scope="module")
def conformant() -> Iterator[Addresses]:
    with serving() as addresses:
        yield addresses


class TestCommand:
    def test_it_exits_0_for_a_conformant_server(
        self, conformant: Addresses, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = main([conformant.url, "--grpc", conformant.grpc, "--check", "R4", "--check", "G2", "--label", "fake"])

        assert code == 0
        assert "fake: conformant" in capsys.readouterr().out

    def test_it_exits_1_when_a_must_fails_and_says_why(self, capsys: pytest.CaptureFixture[str]) -> None:
        with serving("answers with another id", with_grpc=False) as addresses:
            code = main([addresses.url, "--check", "R6.4"])

        out = capsys.readouterr().out
        assert code == 1
        assert "R6.4a" in out
        assert "expected '42', 'other' came" in out

    def test_it_exits_0_when_only_a_should_fails(self, capsys: pytest.CaptureFixture[str]) -> None:
        with serving("invents ids", with_grpc=False) as addresses:
            code = main([addresses.url, "--check", "R6.4"])

        assert code == 0
        assert "R6.4b" in capsys.readouterr().out

    def test_json_holds_every_result_and_can_be_read_again(
        self, conformant: Addresses, capsys: pytest.CaptureFixture[str]
    ) -> None:
        main([conformant.url, "--check", "R", "--model", "scale", "--output", "json"])

        report = from_json(json.loads(capsys.readouterr().out))
        asked = [check.rule for check in CHECKS if check.rule.id.startswith("R")]
        assert [result.rule for result in report.results] == asked
        assert report.models == ("scale",)

    def test_without_a_grpc_address_its_rules_are_skipped(
        self, conformant: Addresses, capsys: pytest.CaptureFixture[str]
    ) -> None:
        code = main([conformant.url, "--check", "G1", "--verbose"])

        assert code == 0
        assert "no gRPC address was given" in capsys.readouterr().out

    def test_an_example_request_takes_the_place_of_made_up_values(self, conformant: Addresses, tmp_path: Path) -> None:
        example = {"inputs": [{"name": "x", "datatype": "FP32", "shape": [1, 4], "data": [[9.5, 1.0, 2.0, 3.0]]}]}
        path = tmp_path / "request.json"
        path.write_text(json.dumps(example))

        assert main([conformant.url, "--model", "scale", "--request", str(path), "--check", "R6"]) == 0

    @pytest.mark.parametrize(
        ("arguments", "message"),
        [
            (["http://127.0.0.1:9"], "did not answer"),
            (["ftp://x"], "must be an http or https URL"),
            (["http://127.0.0.1:9", "--model", "m", "--request", "nowhere.json"], "nowhere.json"),
        ],
    )
    def test_wrong_usage_exits_2_with_one_sentence(
        self, arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert main([*arguments, "--timeout", "1"]) == 2
        err = capsys.readouterr().err
        assert message in err
        assert "Traceback" not in err
