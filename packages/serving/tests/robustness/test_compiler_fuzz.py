"""A short run of the compiler's fuzzer of `benchmarks/robustness`; long runs and their figures are in the docs."""

import subprocess
import sys
from pathlib import Path

REPOSITORY = Path(__file__).parents[4]
PIPELINES = 24


class TestCompilerFuzz:
    def test_no_accepted_translation_differs_far_from_its_training_rows(self) -> None:
        command = [sys.executable, "-m", "benchmarks.robustness.compiler", "--pipelines", str(PIPELINES), "--seed", "4"]

        done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=600, check=False)

        assert done.returncode == 0, done.stdout + done.stderr
        (line,) = (line for line in done.stdout.splitlines() if line.startswith("| all |"))
        pipelines, compiled, _, different, crashed = (int(cell.replace(",", "")) for cell in line.split("|")[2:-1])
        assert (pipelines, different, crashed) == (PIPELINES, 0, 0)
        assert compiled >= PIPELINES // 3
