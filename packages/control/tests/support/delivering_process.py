"""A process that delivers webhooks and nothing else: what a control plane does, to be killed.

Arguments: the database's address, the key, and for how many seconds its lease lasts.
"""

import sys
import threading
from datetime import timedelta
from ipaddress import ip_network
from uuid import uuid4

from modelyard.adapters.clock.system import SystemClock
from modelyard.adapters.receiver.http import HttpReceivers
from modelyard.audit.service import AuditLog
from modelyard.db import Database
from modelyard.leases.service import Leases
from modelyard.webhooks.dispatcher import WebhookDispatcher
from modelyard.webhooks.queue import DeliveryQueue
from modelyard.webhooks.service import Webhooks
from modelyard.webhooks.signing import Signer


def main(url: str, key: str, lease: float) -> None:
    """Deliver until somebody ends the process."""
    database, clock, signer = Database(url), SystemClock(), Signer(key)
    receivers = HttpReceivers(allowed=[ip_network("127.0.0.0/8")], seconds=5)
    audit = AuditLog(database=database, clock=clock)
    webhooks = Webhooks(database=database, clock=clock, audit=audit, signer=signer, receivers=receivers)
    queue = DeliveryQueue(
        database=database,
        clock=clock,
        audit=audit,
        webhooks=webhooks,
        kept=timedelta(days=30),
    )
    leases = Leases(database=database, clock=clock, holder=uuid4().hex, lasts=timedelta(seconds=lease))
    leases.start()
    dispatcher = WebhookDispatcher(
        queue=queue, receivers=receivers, signer=signer, clock=clock, leases=leases, most_attempts=100
    )
    dispatcher.start()
    threading.Event().wait()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], float(sys.argv[3]))
