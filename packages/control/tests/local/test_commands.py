"""What the command line pays for having `up` and `down`."""

import subprocess
import sys

HEAVY = {"fastapi", "httpx", "mlflow", "psutil", "pydantic", "sqlalchemy", "uvicorn", "xmlrpc"}


class TestImports:
    def test_help_is_not_made_slow_by_what_the_commands_need_when_they_run(self) -> None:
        code = "import modelyard.local.commands, sys; print(*{name.partition('.')[0] for name in sys.modules})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert HEAVY & set(done.stdout.split()) == set()

    def test_status_asks_the_supervisor_without_the_rest_of_the_control_plane(self) -> None:
        code = "import modelyard.local.status, sys; print(*{name.partition('.')[0] for name in sys.modules})"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
        assert (HEAVY - {"psutil", "xmlrpc"}) & set(done.stdout.split()) == set()
