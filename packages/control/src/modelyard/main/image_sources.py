"""What images are made of and where they are pushed to, as the settings say; for images of versions and of runs."""

import os
from collections.abc import Callable

from modelyard.images.bases import Bases
from modelyard.images.registries import Registries
from modelyard.images.settings import ImageSettings
from modelyard.oci.layout import Layout


def registries_of(settings: ImageSettings) -> Registries:
    """The registries, with the operator's credentials."""
    return Registries(settings.docker_config_file(), environment=os.environ, plain_http=frozenset(settings.plain_http))


def bases_of(
    settings: ImageSettings, layout: Layout, registries: Registries, *, require_space: Callable[[int], None]
) -> Bases:
    """The bases of images in a layout."""
    return Bases(
        layout,
        source=settings.base_source,
        platform=settings.target_platform,
        registries=registries,
        require_space=require_space,
    )
