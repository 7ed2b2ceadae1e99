"""Triton, by PyTriton. It needs a Python with its shared library where the system has it: Debian's own.

It is left awake between its slices. The locks that Triton shares with its Python processes wait by the clock: stopped
for twenty seconds, one of them wakes to a `boost::interprocess::lock_exception`, and Triton aborts. Awake it takes less
than one per cent of the core.
"""

from benchmarks.serving.dialects import OpenInference
from benchmarks.serving.environments import Environment
from benchmarks.serving.peers.peer import Peer, Place, Start, app
from benchmarks.serving.workloads import Form

ENVIRONMENT = Environment("pytriton")


def _start(place: Place) -> Start:
    started = app(ENVIRONMENT, "pytriton_app.py", place, place.http_port, place.grpc_port)
    # It copies Triton there for each start, and leaves the copy behind when it is killed.
    return Start(started.command, {**started.variables, "PYTRITON_HOME": str(place.scratch)})


PEER = Peer(
    name="pytriton",
    title="PyTriton 0.7.0",
    environment=ENVIRONMENT,
    dialect=OpenInference(Form.JSON, Form.BINARY, Form.GRPC, has_matrices=True),
    start=_start,
    settings="`@batch` with the dynamic batcher at its defaults, `max_batch_size=1024`, no metrics; not stopped between"
    " its slices, which it does not survive: idle, it takes less than one per cent of the core",
    survives_a_stop=False,
)
