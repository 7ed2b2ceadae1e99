"""A short run of the fuzzer of `benchmarks/robustness`, of each form; long runs and their figures are in the docs."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).parents[4]
FORMS = ["json", "binary", "coded", "predict", "csv", "arrow", "parquet", "wire", "grpc", "http2"]


class TestFuzz:
    @pytest.mark.parametrize("form", FORMS)
    def test_no_spoilt_request_breaks_the_error_contract_or_the_server(self, form: str, tmp_path: Path) -> None:
        command = [sys.executable, "-m", "benchmarks.robustness.fuzz", "--form", form, "--inputs", "400"]

        done = subprocess.run(
            [*command, "--keep", str(tmp_path)],
            cwd=REPOSITORY,
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )

        assert done.returncode == 0, done.stdout + done.stderr
        finding = json.loads(done.stdout)
        assert (finding["inputs"], finding["broken"]) == (400, None)
        assert len(finding["answers"]) > 1 or form == "http2"
