"""What is begun on pages without JavaScript: jobs of files, deployments, schedules, uploads of models."""

import io
import json
import re
import tarfile
from html import unescape

import pytest
from console_world import Installation, eventually

from modelyard.console.deployment_forms import deployment_of, schedule_of
from modelyard.errors import Invalid

SCRIPT = {"model_name": "churn", "script_name": "", "script_content": "", "requirements": "", "what": "train"}


class TestScripts:
    def test_a_file_is_trained_under_its_own_name(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        file = ("sent.py", b"\xef\xbb\xbfprint('sent')\r\n", "text/x-python")
        begun = reader.post("/console/jobs/new", data={**SCRIPT, "script_content": "unused"}, files={"script": file})
        assert begun.status_code == 303, begun.text
        job = begun.headers["location"].rpartition("/")[2]
        assert installation.platform.operator.get(f"/mlops/jobs/{job}").json()["source"]["script_name"] == "sent.py"
        assert reader.post(f"{begun.headers['location']}/cancel").is_redirect

    def test_a_form_of_several_parts_without_a_file_is_what_was_written(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        written = {**SCRIPT, "script_name": "written.py", "script_content": "print(1)"}
        begun = reader.post("/console/jobs/new", data=written, files={"script": ("", b"", "application/octet-stream")})
        assert begun.status_code == 303, begun.text
        assert reader.post(f"{begun.headers['location']}/cancel").is_redirect

    @pytest.mark.parametrize(
        "name", ["../../etc/passwd.py", "a/b.py", "C:\\x.py", "<script>alert(1)</script>.py", "\u202egpj.py", "a" * 300]
    )
    def test_a_hostile_name_is_refused_or_harmless(self, installation: Installation, name: str) -> None:
        reader = installation.reader("developer")
        answer = reader.post("/console/jobs/new", data=SCRIPT, files={"script": (name, b"print(1)", "text/plain")})
        assert answer.status_code in {303, 400}, answer.text
        page = reader.get(answer.headers["location"]) if answer.is_redirect else answer
        assert "<script>alert(1)" not in page.text
        if answer.is_redirect:
            assert reader.post(f"{answer.headers['location']}/cancel").is_redirect

    def test_a_file_that_is_no_text_is_refused(self, installation: Installation) -> None:
        file = ("train.py", b"\xff\xfe\x00", "text/plain")
        answer = installation.reader("developer").post("/console/jobs/new", data=SCRIPT, files={"script": file})
        assert (answer.status_code, "UTF-8" in answer.text) == (400, True)

    def test_two_files_or_no_form_are_refused(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        two = [("script", ("a.py", b"1", "text/plain")), ("script", ("b.py", b"2", "text/plain"))]
        assert reader.post("/console/jobs/new", data=SCRIPT, files=two).status_code == 400
        assert reader.post("/console/jobs/new", json=SCRIPT).status_code == 400


class TestDeployments:
    def test_a_version_is_deployed_with_its_resources(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        page = reader.get("/console/deployments/new?model=churn&version=2").text
        assert '<option value="fake"' in page
        form = {"model_name": "churn", "version": "2", "replicas": "2", "memory_mb": "512", "place": "another"}
        begun = reader.post("/console/deployments/new", data={**form, "target": "fake", "namespace": "beside"})
        assert begun.status_code == 303, begun.text
        job = f"/mlops/jobs/{begun.headers['location'].rpartition('/')[2]}"
        platform = installation.platform
        eventually(lambda: (platform.engine.run_next(), platform.operator.get(job).json()["status"])[1] == "succeeded")
        query = {"model_name": "churn", "namespace": "beside"}
        (made,) = reader.get("/console/api/api/v1/deployments", params=query).json()["deployments"]
        assert (made["model_version"], made["replicas"]) == (2, 2)
        assert made["resources"]["memory_bytes"] == 512 << 20
        stop = f"/console/deployments/{made['deployment_id']}/stop"
        refused = reader.post(stop)  # The split of the model sends copies of requests to this version.
        assert (refused.status_code, "deployment_divided" in refused.text) == (409, True)
        assert reader.post(stop, data={"force": "yes"}).is_redirect

    def test_what_is_refused_stays_filled_in(self, installation: Installation) -> None:
        form = {"model_name": "churn", "version": "2", "target": "moon", "cpu": "0.5"}
        refused = installation.reader("developer").post("/console/deployments/new", data=form)
        assert refused.status_code == 400
        assert "moon" in refused.text
        assert 'name="cpu" type="text" value="0.5"' in refused.text

    def test_fields_that_are_empty_are_not_sent(self) -> None:
        empty = {"model_name": " churn ", "version": "", "cpu": "", "max_replicas": "", "place": "", "target": ""}
        assert deployment_of(empty) == {"model_name": "churn"}
        scaled = {**empty, "max_replicas": "5", "place": "replace"}
        assert deployment_of(scaled) == {"model_name": "churn", "autoscaling": {"max_replicas": 5}, "replace": True}

    def test_a_bound_without_the_other_is_refused(self) -> None:
        with pytest.raises(Invalid, match="max_replicas"):
            deployment_of({"model_name": "churn", "min_replicas": "2"})


class TestSchedules:
    def test_one_is_made_run_paused_and_resumed(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        form = {"model_name": "churn", "trigger": "cron", "cron": "0 4 * * *", "time_zone": "Europe/Berlin"}
        made = reader.post("/console/schedules/new", data={**form, "stage_if": "better", "arguments": "--trees\n20\n"})
        assert made.status_code == 303, made.text
        path = made.headers["location"]
        for command, said in (("pause", "paused"), ("resume", "active")):
            assert reader.post(f"{path}/{command}").headers["location"] == path
            assert said in reader.get(path).text
        assert "--trees" in unescape(reader.get(path).text)
        assert reader.post(f"{path}/delete").is_redirect

    def test_the_address_of_announcements_is_shown_once(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        made = reader.post("/console/schedules/new", data={"model_name": "churn", "trigger": "announced"})
        assert "&amp;key=" in made.text
        (schedule_id,) = set(re.findall(r"sch-[0-9a-f]+", made.text))
        assert "&amp;key=" not in reader.get(f"/console/schedules/{schedule_id}").text
        assert reader.post(f"/console/schedules/{schedule_id}/delete").is_redirect

    def test_times_that_are_none_are_refused_and_stay(self, installation: Installation) -> None:
        form = {"model_name": "churn", "trigger": "cron", "cron": "at noon"}
        refused = installation.reader("developer").post("/console/schedules/new", data=form)
        assert (refused.status_code, 'value="at noon"' in refused.text) == (400, True)

    def test_a_trigger_is_one_of_three(self) -> None:
        with pytest.raises(Invalid, match="trigger"):
            schedule_of({"model_name": "churn", "trigger": "moon"})
        assert schedule_of({"model_name": "churn", "trigger": "event", "event": "drift.found", "cron": "x"})[
            "event"
        ] == ("drift.found")


class TestUploads:
    def test_an_archive_becomes_a_job(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        buffer = io.BytesIO()
        with tarfile.open(fileobj=buffer, mode="w") as archive:
            entry = tarfile.TarInfo("MLmodel")
            entry.size = len(text := json.dumps({"flavors": {}}).encode())
            archive.addfile(entry, io.BytesIO(text))
        form = {"name": "sent in", "description": "from elsewhere", "requirements": ""}
        file = ("model.tar", buffer.getvalue(), "application/x-tar")
        sent = reader.post("/console/uploads/new", data=form, files={"model": file})
        assert sent.status_code == 303, sent.text
        uploads = installation.platform.operator.get("/api/v1/ml/registry/uploads").json()["uploads"]
        (upload,) = (one for one in uploads if one["name"] == "sent in")
        assert upload["received_bytes"] == len(buffer.getvalue())
        assert sent.headers["location"] == f"/console/jobs/{upload['job_id']}"

    def test_what_is_refused_leaves_no_upload(self, installation: Installation) -> None:
        reader = installation.reader("developer")
        file = ("model.exe", b"MZ", "application/octet-stream")
        refused = reader.post("/console/uploads/new", data={"name": "bad"}, files={"model": file})
        assert (refused.status_code, "model.exe" in refused.text) == (400, True)
        nothing = reader.post("/console/uploads/new", data={"name": "bad"}, files={"other": file})
        assert (nothing.status_code, "expected a file" in nothing.text) == (400, True)
        uploads = installation.platform.operator.get("/api/v1/ml/registry/uploads").json()["uploads"]
        assert "bad" not in {one["name"] for one in uploads}

    def test_who_may_not_is_refused_before_the_file_is_read(self, installation: Installation) -> None:
        broken = b"this is no form"
        headers = {"Content-Type": "multipart/form-data; boundary=none"}
        for role, status in (("viewer", 403), ("developer", 400)):
            answer = installation.reader(role).post("/console/uploads/new", content=broken, headers=headers)
            assert answer.status_code == status, answer.text
