"""The one folder that holds all state of a local stack. It names places and makes them; it reads and writes nothing."""

from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class Home:
    """The folder of one stack and the places inside it. All are private to the user (mode 0700)."""

    root: Path

    @property
    def stack_file(self) -> Path:
        """Ports and options of the last `up`, for `status`, `down` and the next `up`."""
        return self.root / "stack.json"

    @property
    def token_file(self) -> Path:
        """The first access token, for the command line; mode 0600."""
        return self.root / "token"

    @property
    def webhook_key_file(self) -> Path:
        """From which the secrets of webhooks are made; mode 0600."""
        return self.root / "webhook.key"

    @property
    def tracking_key_file(self) -> Path:
        """With which the tokens of the tracking server are signed; mode 0600."""
        return self.root / "tracking.key"

    @property
    def gateway_key_file(self) -> Path:
        """With which nodes of the gateway log in; mode 0600."""
        return self.root / "gateway.key"

    @property
    def secrets_key_file(self) -> Path:
        """With which the secrets of jobs are encrypted; mode 0600."""
        return self.root / "secrets.key"

    @property
    def projects(self) -> Path:
        """Unpacked projects: `<tenant id>/<sha256>`. Control planes that share a database share it."""
        return self.root / "projects"

    @property
    def reserve(self) -> Path:
        """Space that is given up when the disk is full, so that the databases can end their writes."""
        return self.root / "reserve"

    @property
    def database_file(self) -> Path:
        """Our tables, when they are in SQLite."""
        return self.root / "modelyard.db"

    @property
    def jobs_database_file(self) -> Path:
        """Checkpoints of the durable jobs, when they are in SQLite."""
        return self.root / "jobs.db"

    @property
    def mlflow(self) -> Path:
        """The tracking server's own database and artifacts."""
        return self.root / "mlflow"

    @property
    def environments(self) -> Path:
        """Python environments, a folder for each lock's digest."""
        return self.root / "environments"

    def environment(self, digest: str) -> Path:
        """The environment of the lock with this digest."""
        return self.environments / digest[:16]

    @property
    def locks(self) -> Path:
        """What requirements were resolved to, so that the same ones need not ask the package index again."""
        return self.root / "locks"

    @property
    def wheels(self) -> Path:
        """Wheels of our own model server, while it is developed beside us."""
        return self.root / "wheels"

    @property
    def jobs(self) -> Path:
        """A folder for each job: its log, and its run's files."""
        return self.root / "jobs"

    @property
    def bundles(self) -> Path:
        """Packaged versions: `<tenant id>/<model>/<version>`."""
        return self.root / "bundles"

    @property
    def images(self) -> Path:
        """The OCI layout of images that were built here, and of their bases."""
        return self.root / "images"

    @property
    def wheelhouse(self) -> Path:
        """Wheels that were fetched for images, by their sha256."""
        return self.root / "wheelhouse"

    @property
    def scratch(self) -> Path:
        """A folder for each process, for what is not done yet; that of a process that is gone is taken away."""
        return self.root / "scratch"

    @property
    def uploads(self) -> Path:
        """A folder for each upload that is not closed. Control planes that share a database share it."""
        return self.root / "uploads"

    @property
    def servers(self) -> Path:
        """A folder for each deployment on this machine: configuration, status and log."""
        return self.root / "servers"

    @property
    def balancer(self) -> Path:
        """What the balancer of servers that run elsewhere reads and writes."""
        return self.root / "balancer"

    @property
    def gateway(self) -> Path:
        """What the gateway's node of this machine reads and writes."""
        return self.root / "gateway"

    def target(self, name: str) -> Path:
        """What a target whose servers run elsewhere keeps of them: records and logs."""
        return self.root / "targets" / name

    @property
    def supervisor(self) -> Path:
        """What supervisord reads and writes."""
        return self.root / "supervisor"

    @property
    def logs(self) -> Path:
        """Logs of the control plane and of MLflow."""
        return self.root / "logs"

    def make(self) -> None:
        """Make the folders that are not there yet."""
        environments = (self.environments, self.locks, self.wheels)
        work = (self.jobs, self.bundles, self.uploads, self.projects, self.servers, self.supervisor, self.logs)
        for place in (self.root, self.mlflow, *environments, *work):
            place.mkdir(mode=0o700, parents=True, exist_ok=True)
