"""Where the control plane keeps its state: the home folder, its databases, the space that stays free on its disk."""

from pathlib import Path

from pydantic import Field

from modelyard.disk import Disk
from modelyard.home import Home
from modelyard.setting_group import MEBIBYTE, SettingGroup


class StorageSettings(SettingGroup):
    """The home folder, the databases and the disk."""

    home: Path = Path("~/.modelyard")
    """The folder that holds all state of one control plane."""
    database_url: str | None = None
    """SQLAlchemy address of our tables; a SQLite file in the home when it is not set."""
    jobs_database_url: str | None = None
    """SQLAlchemy address of the durable jobs' checkpoints; a SQLite file in the home when it is not set."""
    disk_floor_mb: int = Field(default=256, ge=0)
    """What stays free on the home's disk, at most a twentieth of it: what takes space is refused before."""
    disk_reserve_mb: int = Field(default=64, ge=0)
    """A file that is given up when the disk is full, at most a fortieth of it, so that what runs can be ended."""

    @property
    def places(self) -> Home:
        """The home folder, absolute."""
        return Home(self.home.expanduser().absolute())

    @property
    def database(self) -> str:
        """Address of our tables."""
        return self.database_url or f"sqlite:///{self.places.database_file}"

    @property
    def jobs_database(self) -> str:
        """Address of the checkpoints."""
        return self.jobs_database_url or f"sqlite:///{self.places.jobs_database_file}"

    @property
    def disk(self) -> Disk:
        """The disk of the home."""
        return Disk(
            self.places.root,
            floor_bytes=self.disk_floor_mb * MEBIBYTE,
            reserve_bytes=self.disk_reserve_mb * MEBIBYTE,
        )
