"""How models are opened, compiled and packaged, and how their environments are made."""

from pydantic import Field

from modelyard.setting_group import MEBIBYTE, SettingGroup


class PackagingSettings(SettingGroup):
    """What is tried with a model before it is served."""

    open_models: bool = True
    """Whether the model of a job or an upload is opened as its server will, before it becomes a version."""
    compile_models: bool = True
    """Whether packaging tries a verified compilation; a version whose trial fails is served as it was logged."""
    compile_seconds: float = Field(default=180, gt=0)
    """How long a trial may take."""
    compile_memory_mb: int = Field(default=4 * 1024, ge=64)
    """How much resident memory a trial may take."""

    @property
    def compile_memory_bytes(self) -> int:
        """Cap on the resident memory of a trial."""
        return self.compile_memory_mb * MEBIBYTE


class EnvironmentSettings(SettingGroup):
    """Python environments of runs and model servers."""

    source_builds: bool = True
    """Whether a required package that has no wheel is built, which its own code does, isolated as runs are."""
    lock_ttl_seconds: float = Field(default=24 * 3600, ge=0)
    """How long the same requirements give the same lock without asking the package index again."""
