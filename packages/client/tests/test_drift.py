"""Reading reports of drift."""

from typing import Any

from modelyard_client.drift import DriftReport

REPORT: dict[str, Any] = {
    "deployment_id": "dep-1",
    "model_name": "churn",
    "model_version": 3,
    "verdict": "drifted",
    "message": "1 of 1 features drifted: age (PSI: 0.910, more than 0.200)",
    "since": "2026-11-30T20:00:00Z",
    "rows": 900,
    "profile_rows": 5000,
    "features": [
        {
            "name": "age",
            "verdict": "drifted",
            "rows": 900,
            "psi": 0.91,
            "ks": 0.4,
            "missing": 0.0,
            "unseen": None,
            "reasons": ["PSI: 0.910, more than 0.200"],
        }
    ],
    "left_out": ["input image: 4096 values a row, more than 128"],
}


class TestAReport:
    def test_each_feature_has_its_figures_and_reasons(self) -> None:
        report = DriftReport.from_json(REPORT)
        (age,) = report.features
        assert (report.verdict, report.rows, report.left_out) == ("drifted", 900, tuple(REPORT["left_out"]))
        assert (age.name, age.psi, age.unseen, age.reasons) == ("age", 0.91, None, ("PSI: 0.910, more than 0.200",))

    def test_one_without_a_profile_has_no_features(self) -> None:
        report = DriftReport.from_json({**REPORT, "features": [], "since": None, "profile_rows": None})
        assert (report.features, report.since, report.profile_rows) == ((), None, None)
