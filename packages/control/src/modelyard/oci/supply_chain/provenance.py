"""Where an image comes from, as an in-toto statement with the predicate of SLSA's provenance 1.0: the job, the script
and the run that made the version, the lock, and everything that went into it by digest. It is not signed here."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from packaging.utils import canonicalize_name

from modelyard.oci.bundle_layers import BundleContent
from modelyard.oci.content import Descriptor
from modelyard.oci.strict_json import canonical_json
from modelyard.oci.wheels.environment import LockedWheel

IN_TOTO = "application/vnd.in-toto+json"
_STATEMENT = "https://in-toto.io/Statement/v1"
_PREDICATE = "https://slsa.dev/provenance/v1"
_BUILD_TYPE = "urn:modelyard:image:1"
_BUILDER = "urn:modelyard:builder"


@dataclass(frozen=True, slots=True)
class Origin:
    """What made a version; None for what is not known, as of a model that was uploaded."""

    job_id: str | None = None
    script_sha256: str | None = None
    run_id: str | None = None
    version_manifest_sha256: str | None = None
    """Of the version's files, as they were registered."""


def provenance_statement(
    image: Descriptor,
    *,
    name: str,
    base: Descriptor,
    lock_text: str,
    wheels: Sequence[LockedWheel],
    bundle: BundleContent,
    origin: Origin,
) -> bytes:
    """The statement on an image that the layout calls `name`."""
    lock = hashlib.sha256(lock_text.encode()).hexdigest()
    inputs = [
        _input("base", base.digest.hex),
        _input("bundle", bundle.manifest_digest),
        _input("lock", lock),
        *([_input("version", origin.version_manifest_sha256)] if origin.version_manifest_sha256 else []),
        *([_input("script", origin.script_sha256)] if origin.script_sha256 else []),
        *(
            {
                "uri": f"pkg:pypi/{canonicalize_name(wheel.name)}@{wheel.version.replace('+', '%2B')}",
                "digest": {"sha256": wheel.sha256},
            }
            for wheel in sorted(wheels, key=lambda wheel: wheel.order)
        ),
    ]
    parameters = {
        "model": bundle.model_name,
        "version": bundle.model_version,
        "job": origin.job_id,
        "run": origin.run_id,
    }
    return canonical_json(
        {
            "_type": _STATEMENT,
            "subject": [{"name": name, "digest": {"sha256": image.digest.hex}}],
            "predicateType": _PREDICATE,
            "predicate": {
                "buildDefinition": {
                    "buildType": _BUILD_TYPE,
                    "externalParameters": {key: text for key, text in parameters.items() if text is not None},
                    "resolvedDependencies": inputs,
                },
                "runDetails": {"builder": {"id": _BUILDER}, "metadata": {"startedOn": bundle.created}},
            },
        }
    )


def _input(name: str, sha256: str) -> dict[str, Any]:
    return {"name": name, "digest": {"sha256": sha256}}
