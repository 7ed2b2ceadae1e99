"""The configuration of an image: how a container of it is run, and what its layers are uncompressed. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from modelyard.oci.content import Digest, Platform, read_digest, read_platform
from modelyard.oci.strict_json import canonical_json, invalid_document, parse_object, require_object, without_empty


@dataclass(frozen=True, slots=True)
class ImageConfig:
    """How a container of an image is run, and the digests of its uncompressed layers (`diff_ids`)."""

    platform: Platform
    diff_ids: Sequence[Digest]
    run: Mapping[str, Any] = field(default_factory=dict)
    """`User`, `Env`, `Entrypoint`, `Cmd`, `ExposedPorts`, `WorkingDir`, `Labels`, as the specification names them."""
    created: str | None = None
    history: Sequence[Mapping[str, Any]] = ()

    def to_bytes(self) -> bytes:
        """Canonical JSON."""
        return canonical_json(
            without_empty(
                {
                    **self.platform.to_dict(),
                    "created": self.created,
                    "config": dict(self.run),
                    "rootfs": {"type": "layers", "diff_ids": [str(digest) for digest in self.diff_ids]},
                    "history": [dict(entry) for entry in self.history],
                }
            )
        )

    @property
    def environment(self) -> dict[str, str]:
        """The variables of `Env`."""
        return dict(pair.split("=", 1) for pair in self.run.get("Env") or () if "=" in pair)

    @classmethod
    def parse(cls, content: bytes) -> "ImageConfig":
        """The configuration of these bytes.

        Raises:
            Invalid: code `oci_document_invalid`.
        """
        document = parse_object(content, "config")
        root = require_object(document.get("rootfs"), "config.rootfs")
        diff_ids = root.get("diff_ids")
        if not isinstance(diff_ids, list):
            raise invalid_document("config.rootfs.diff_ids", "a list", diff_ids)
        platform = read_platform(document, "config")
        assert platform is not None  # noqa: S101  # Only None gives None.
        run, history = document.get("config") or {}, document.get("history") or []
        if not isinstance(history, list):
            raise invalid_document("config.history", "a list", history)
        created = document.get("created")
        return cls(
            platform=platform,
            diff_ids=tuple(read_digest(digest, f"config.rootfs.diff_ids[{i}]") for i, digest in enumerate(diff_ids)),
            run=_run(run),
            created=created if isinstance(created, str) else None,
            history=tuple(require_object(entry, f"config.history[{i}]") for i, entry in enumerate(history)),
        )


def _run(value: object) -> Mapping[str, Any]:
    run = require_object(value, "config.config")
    env = run.get("Env") or []
    if not isinstance(env, list) or not all(isinstance(pair, str) for pair in env):
        raise invalid_document("config.config.Env", "a list of strings", env)
    return run
