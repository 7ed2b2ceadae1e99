import subprocess
import sys

import pytest

HEAVY = ("pandas", "pyarrow", "sklearn", "onnxruntime", "mlflow", "torch", "scipy", "xgboost")


class TestImportCost:
    @pytest.mark.parametrize("module", ["modelyard_serving.bundle", "modelyard_serving.frames"])
    def test_a_model_library_is_imported_only_by_the_runtime_that_needs_it(self, module: str) -> None:
        program = f"import sys, {module}; print(*[name for name in {HEAVY} if name in sys.modules])"
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
        assert done.stdout.split() == []
