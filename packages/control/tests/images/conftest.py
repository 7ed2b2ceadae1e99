"""Yards of images, over registries that nobody here wrote."""

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
from image_engines import RealRegistry, real_registry
from image_yard import ImageYard

from modelyard.main import Adapters
from modelyard.ports.tracking import LoggedModel

MakeYard = Callable[..., ImageYard]


@pytest.fixture
def make_yard(adapters: Adapters, log_model: Callable[..., LoggedModel], tmp_path: Path) -> Iterator[MakeYard]:
    """Makes control planes over one home; the arguments are settings of images."""
    with ExitStack() as held:

        def make(*, has_base: bool = True, **images: object) -> ImageYard:
            home = tmp_path / "home"
            return held.enter_context(ImageYard(home, adapters, log_model, has_base=has_base, images=images).working())

        yield make


@pytest.fixture
def yard(make_yard: MakeYard) -> ImageYard:
    """One whose images stay on this machine."""
    return make_yard()


@pytest.fixture(scope="module")
def docker_registry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealRegistry]:
    """Debian's docker-registry, which the tests of a module share."""
    with real_registry(tmp_path_factory.mktemp("registry")) as registry:
        yield registry
