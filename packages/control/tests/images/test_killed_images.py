"""Images whose process dies: at every word to the database, and killed by the kernel after each step."""

import signal
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from deletion_world import Crash
from image_engines import RealRegistry
from image_yard import ImageYard
from killed_yard import REGISTRY, KilledYard
from oci_parts import make_root
from waiting import Until

from modelyard.oci.base.root_file_system import import_root_file_system
from modelyard.oci.layout import Layout

MakeYard = Callable[..., ImageYard]
MOMENTS = ("build image begun", "build image done", "build image kept", "push image done", "push image kept")


class Mortal:
    """Lets a yard's process die before or after one of its transactions."""

    def __init__(self, yard: ImageYard, dies_at: int) -> None:
        self._dies_at = dies_at
        self.words = 0
        write = yard.control.database.write

        @contextmanager
        def speaking() -> Iterator[Any]:
            self._say()
            with write() as connection:
                yield connection
            self._say()

        yard.control.database.write = speaking  # type: ignore[method-assign]  # The process may die here.

    def _say(self) -> None:
        self.words += 1
        if self.words > self._dies_at:
            raise Crash


class TestCrashes:
    def test_killed_at_every_word_the_next_process_makes_the_same_image(
        self, make_yard: MakeYard, docker_registry: RealRegistry
    ) -> None:
        dies_at, is_dead = 0, True
        while is_dead:
            yard = make_yard(repository=f"{docker_registry.host}/crashes")
            number = yard.register(f"model-{dies_at}")
            yard.ask(number, name=f"model-{dies_at}")
            mortal = Mortal(yard, dies_at)
            try:
                yard.work()
                is_dead = False
            except Crash:
                yard = make_yard(repository=f"{docker_registry.host}/crashes")
                yard.control.jobs.resume()
                yard.work()
            (image,) = yard.images(name=f"model-{dies_at}", version=number)
            assert (image["state"], yard.job(image["job_id"])["status"]) == ("pushed", "succeeded")
            assert yard.parts.building.has(image["image_name"], image["digest"])
            dies_at += 3
        assert mortal.words > 10
        assert yard.actions().count("image.pushed") == dies_at // 3
        yard.control.deployment_parts.image_removal.make_pass()
        assert set(yard.layout.blobs.names()) == yard.layout.reachable()


class TestKilledProcess:
    def test_killed_after_every_step_the_job_ends_with_one_image(
        self, tmp_path: Path, free_port: int, mlflow_server: str, until: Until, docker_registry: RealRegistry
    ) -> None:
        home, model = tmp_path / "home", tmp_path / "model"
        model.mkdir()
        repository = f"{docker_registry.host}/killed"
        layout = Layout(home / "images")
        import_root_file_system(make_root(tmp_path / "root"), layout, name="base/imported/small")
        layout.close()
        yard = KilledYard(
            home,
            port=free_port,
            mlflow=mlflow_server,
            until=until,
            TARGETS='{"folder": {"type": "fake"}}',
            IMAGE_REPOSITORY=repository,
        )
        with closing(yard):
            yard.start(MOMENTS[0])
            yard.wait_until_up()
            yard.register(yard.model, model)
            answer = yard.api.post(f"{REGISTRY}/models/{yard.model}/versions/1/image")
            assert answer.status_code == 202, answer.text
            for moment in MOMENTS[1:]:
                assert yard.wait_until_killed() == signal.SIGKILL
                yard.start(moment)
            assert yard.wait_until_killed() == signal.SIGKILL
            yard.start()
            yard.wait_until_up()
            job = yard.work(answer.json()["job_id"])
            assert (job["status"], job["error"]) == ("succeeded", None)
            (image,) = yard.get(f"{REGISTRY}/images")["images"]
            assert image["state"] == "pushed"
            actions = [entry["action"] for entry in yard.get("/api/v1/audit?limit=200")["entries"]]
            assert [actions.count(f"image.{state}") for state in ("building", "built", "pushed")] == [1, 1, 1]
        assert Layout.open_read_only(home / "images").find(image["image_name"]).digest.text == image["digest"]
