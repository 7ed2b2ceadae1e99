"""The files of a version on the wire."""

from modelyard.registry.artifact_roles import Role, role_of
from modelyard.registry.domain import Manifest, Version
from modelyard.registry.schemas import Answer


class ArtifactAnswer(Answer):
    """One file of a version."""

    path: str
    role: Role
    size_bytes: int
    sha256: str


class ArtifactsAnswer(Answer):
    """All files of a version, by path."""

    name: str
    version: int
    artifact_uri: str
    manifest_sha256: str
    size_bytes: int
    artifacts: list[ArtifactAnswer]

    @classmethod
    def of(cls, version: Version, manifest: Manifest) -> "ArtifactsAnswer":
        """The files on the wire."""
        return cls(
            name=version.model_name,
            version=version.version,
            artifact_uri=version.artifact_uri,
            manifest_sha256=version.manifest_digest,
            size_bytes=version.size,
            artifacts=[
                ArtifactAnswer(path=file.path, role=role_of(file.path), size_bytes=file.size, sha256=file.sha256)
                for file in manifest.files
            ],
        )
