"""Settings: each by its type, and a wrong one reported by its name."""

from pathlib import Path
from typing import Any

import pytest

from modelyard_serving.errors import UsageError
from modelyard_serving.settings import Settings, read_config


class TestSettings:
    def test_only_the_path_is_needed(self) -> None:
        settings = Settings.of({"path": "m.onnx"})
        assert (settings.host, settings.port, settings.workers) == ("127.0.0.1", 8080, 1)

    def test_they_travel_as_plain_values(self) -> None:
        settings = Settings.of({"path": "m", "workers": 3, "request_timeout_s": 1})
        assert Settings.of(settings.plain()) == settings

    @pytest.mark.parametrize(
        ("values", "reported"),
        [
            ({}, "path is missing"),
            ({"path": "m", "wrokers": 2}, "there is no setting 'wrokers'"),
            ({"path": "m", "workers": "2"}, "workers must be a whole number, not '2'"),
            ({"path": "m", "workers": True}, "workers must be a whole number, not True"),
            ({"path": "m", "workers": 0}, "workers must be at least 1, not 0"),
            ({"path": "m", "port": 70_000}, "port must be between 0 and 65535, not 70000"),
            ({"path": "m", "log_level": "loud"}, "log_level must be one of debug, info, warning, error, not 'loud'"),
            ({"path": "m", "name": 5}, "name must be a string or null, not 5"),
        ],
    )
    def test_a_wrong_one_is_reported_by_its_name(self, values: dict[str, Any], reported: str) -> None:
        with pytest.raises(UsageError, match=reported):
            Settings.of(values)


class TestReadConfig:
    @pytest.mark.parametrize(("content", "reported"), [("{", "is not JSON"), ("[]", "must be a JSON object, not list")])
    def test_what_is_no_configuration_is_refused(self, content: str, reported: str, tmp_path: Path) -> None:
        path = tmp_path / "c.json"
        path.write_text(content)
        with pytest.raises(UsageError, match=reported):
            read_config(path)

    def test_a_missing_file_is_reported(self, tmp_path: Path) -> None:
        with pytest.raises(UsageError, match="cannot be read: No such file"):
            read_config(tmp_path / "none.json")
