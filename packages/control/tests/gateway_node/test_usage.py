"""Usage, counted from an access log."""

import json
from pathlib import Path
from typing import Any

import pytest

from modelyard.errors import Unavailable
from modelyard.gateway_node.usage import Usage, UsageLog, UsageReport, counted

AT = "2026-05-01T10:20:30.000Z"
ENDPOINT = {"endpoint": "127.0.0.1:1"}


def line(**fields: Any) -> bytes:
    entry = {"time": AT, "tenant": "default", "api": "churn", "status": 200, "subscription": "sub-1", **fields}
    return json.dumps(entry).encode() + b"\n"


class TestCounting:
    def test_calls_failures_and_refusals_are_counted_separately(self) -> None:
        (found,) = counted(
            [
                line(**ENDPOINT),
                line(**ENDPOINT, over_limit="rate"),
                line(status=500, **ENDPOINT),
                line(status=503),
                line(status=200, grpc_status=14, **ENDPOINT),
                line(status=429),
                line(status=200, grpc_status=8),
                line(status=429, **ENDPOINT),
                line(status=401),
                line(status=403),
            ]
        )
        assert found == Usage(
            tenant_id="default",
            subscription_id="sub-1",
            scope="api:churn",
            hour="2026-05-01T10:00:00+00:00",
            calls=6,
            refused=2,
            over_limit=1,
            failed=3,
            last_at="2026-05-01T10:20:30+00:00",
        )

    def test_callers_apis_and_models_are_counted_separately_and_the_rest_not_at_all(self) -> None:
        lines = [
            line(**ENDPOINT),
            line(subscription="sub-2", **ENDPOINT),
            line(api="risk", model="iris", **ENDPOINT),
            json.dumps({"time": AT, "tenant": "default", "model": "iris", "status": 200, **ENDPOINT}).encode(),
            json.dumps({"time": AT, "status": 404}).encode(),
            b'{"time": "2026',
            b"[]",
        ]
        assert {(each.subscription_id, each.scope) for each in counted(lines)} == {
            ("sub-1", "api:churn"),
            ("sub-2", "api:churn"),
            ("sub-1", "api:risk"),
            ("", "model:iris"),
        }


class TestReports:
    @pytest.fixture
    def log(self, tmp_path: Path) -> Path:
        return tmp_path / "access.log"

    def usage(self, log: Path) -> UsageLog:
        return UsageLog(log, log.with_name("usage.json"))

    def test_each_line_is_reported_once_also_after_a_new_start(self, log: Path) -> None:
        reports: list[UsageReport] = []
        assert self.usage(log).report_new(reports.append) is False
        log.write_bytes(line(**ENDPOINT) + line(**ENDPOINT)[:20])
        self.usage(log).report_new(reports.append)
        with log.open("ab") as file:
            file.write(line(**ENDPOINT)[20:])
        again = self.usage(log)
        again.report_new(reports.append)
        again.report_new(reports.append)
        assert [row.calls for report in reports for row in report.rows] == [1, 1]
        assert reports[0].number < reports[1].number

    def test_a_report_that_is_not_answered_comes_again_with_its_number(self, log: Path) -> None:
        sent: list[UsageReport] = []

        def fail(report: UsageReport) -> None:
            sent.append(report)
            raise Unavailable("the control plane is away", code="control_plane_unavailable")

        log.write_bytes(line(**ENDPOINT))
        with pytest.raises(Unavailable):
            self.usage(log).report_new(fail)
        with log.open("ab") as file:
            file.write(line(**ENDPOINT))
        again = self.usage(log)
        for _ in range(2):
            again.report_new(sent.append)
        assert sent[0] == sent[1]
        assert sent[2].number > sent[1].number
        assert [row.calls for report in sent[1:] for row in report.rows] == [1, 1]

    def test_what_was_logged_before_the_log_was_moved_aside_is_counted_too(self, log: Path) -> None:
        reports: list[UsageReport] = []
        usage = self.usage(log)
        log.write_bytes(line(**ENDPOINT))
        usage.report_new(reports.append)
        with log.open("ab") as file:
            file.write(line(**ENDPOINT) * 2)
            file.write(line(**ENDPOINT)[:20])  # The disk was full, or Envoy was killed.
        log.replace(log.with_name("access.log.1"))
        log.write_bytes(line(**ENDPOINT) * 4)
        for _ in range(4):
            usage.report_new(reports.append)
        assert not usage.report_new(reports.append)
        usage.report_new(reports.append)
        assert [row.calls for report in reports for row in report.rows] == [1, 2, 4]
