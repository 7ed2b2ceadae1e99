"""The way into a control plane: one connection pool, and a group of calls for each noun."""

from pathlib import Path
from types import TracebackType
from typing import Self

from modelyard_client.audit import Audit
from modelyard_client.azure_apim import AzureApim
from modelyard_client.clock import Clock
from modelyard_client.comparison import Comparisons
from modelyard_client.deletions import Deletions
from modelyard_client.deployments import Deployments
from modelyard_client.gateway import Gateway
from modelyard_client.gateway_code import GatewayCode
from modelyard_client.images import Images
from modelyard_client.jobs import Jobs
from modelyard_client.members import Members
from modelyard_client.mirror import Mirror
from modelyard_client.models import Models
from modelyard_client.outcomes import Outcomes
from modelyard_client.promotion import Promotion
from modelyard_client.retraining import Retraining
from modelyard_client.retry import Retry
from modelyard_client.rollouts import Rollouts, TrafficSplits
from modelyard_client.schedules import Schedules
from modelyard_client.settings import Settings
from modelyard_client.status import Status
from modelyard_client.subscriptions import Products, Subscriptions
from modelyard_client.tenants import Tenants
from modelyard_client.tokens import Tokens
from modelyard_client.training import Training
from modelyard_client.transport import Transport
from modelyard_client.uploads import Uploads
from modelyard_client.versions import Versions
from modelyard_client.webhooks import Webhooks


class Client:
    """A client of one control plane. Safe to use from several threads; use it as a context manager, or close it.

    Args:
        url: for example `http://127.0.0.1:8000`.
        token: the access token; without one only open calls are answered.
        timeout: seconds for one answer.
        retry: how often a request that may be repeated is sent again.
    """

    def __init__(
        self,
        url: str,
        token: str | None = None,
        *,
        timeout: float = 30.0,
        retry: Retry | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._transport = Transport(url, token=token, timeout=timeout, retry=retry, clock=clock)
        self.training = Training(self._transport)
        self.retraining = Retraining(self._transport)
        self.schedules = Schedules(self._transport)
        self.jobs = Jobs(self._transport)
        self.models = Models(self._transport)
        self.versions = Versions(self._transport)
        self.deletions = Deletions(self._transport)
        self.uploads = Uploads(self._transport)
        self.mirror = Mirror(self._transport)
        self.promotion = Promotion(self._transport)
        self.comparisons = Comparisons(self._transport)
        self.images = Images(self._transport)
        self.deployments = Deployments(self._transport)
        self.outcomes = Outcomes(self._transport)
        self.rollouts = Rollouts(self._transport)
        self.traffic = TrafficSplits(self._transport)
        self.status = Status(self._transport)
        self.members = Members(self._transport)
        self.tenants = Tenants(self._transport)
        self.tokens = Tokens(self._transport)
        self.audit = Audit(self._transport)
        self.products = Products(self._transport)
        self.subscriptions = Subscriptions(self._transport)
        self.webhooks = Webhooks(self._transport)
        self.azure_apim = AzureApim(self._transport)
        self.gateway_code = GatewayCode(self._transport)
        self.gateway = Gateway(self._transport)

    @classmethod
    def from_environment(cls, *, url: str | None = None, home: Path | None = None) -> "Client":
        """A client with the address and the token that `Settings.discover` finds: the local stack's, if it is up."""
        settings = Settings.discover(url=url, home=home)
        return cls(settings.url, settings.token)

    @property
    def url(self) -> str:
        """The control plane's address."""
        return self._transport.url

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, error_type: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Close the connections."""
        self._transport.close()
