"""YAML as people write it: in the given order, and without aliases, which `reading` does not take."""

from collections.abc import Mapping
from typing import Any

import yaml

_WIDTH = 120


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        """What stands twice is written twice."""
        del data
        return True


def dumped(*documents: Mapping[str, Any]) -> str:
    """The documents; nothing where there is none."""
    return yaml.dump_all(documents, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=_WIDTH)
