"""The node: keeps one Envoy at the newest configuration, with or without the control plane.

One thread works with Envoy and its files; another one asks the control plane for configurations; a third one reports.
"""

import threading
from collections.abc import Callable, Sequence
from contextlib import closing, suppress

import structlog

from modelyard.atomic_file import replace_text
from modelyard.envoy.admin import EnvoyAdmin
from modelyard.errors import Invalid, ModelyardError, Unavailable
from modelyard.gateway_node.answer_log import AnswerLog
from modelyard.gateway_node.applying import Applying
from modelyard.gateway_node.certificate import Certificate
from modelyard.gateway_node.comparer import Comparer, ComparisonCounters
from modelyard.gateway_node.configuration import Configuration
from modelyard.gateway_node.confirmation import RefusedError
from modelyard.gateway_node.control_plane import ControlPlaneOfNode, NodeReport
from modelyard.gateway_node.counters import BackendCounters, read_counters
from modelyard.gateway_node.folder import NodeFolder
from modelyard.gateway_node.isolation import NOTHING, HeldParts, Settled, settle
from modelyard.gateway_node.log_rotation import LogRotation
from modelyard.gateway_node.node_metrics import metrics_routes
from modelyard.gateway_node.process import NodeEnvoy
from modelyard.gateway_node.proof import prove
from modelyard.gateway_node.resource_files import write
from modelyard.gateway_node.settings import GatewayNodeSettings
from modelyard.gateway_node.usage import UsageLog

logger = structlog.get_logger()

_LOOK_SECONDS = 0.25
_REPORT_SECONDS = 5.0
_COUNT_SECONDS = 1.0
_USAGE_SECONDS = 1.0
_ANSWERS_SECONDS = 2.0
_RETRY_SECONDS = 1.0


class Node:
    """One node of the gateway. `run` works until `stop`."""

    def __init__(
        self,
        *,
        folder: NodeFolder,
        settings: GatewayNodeSettings,
        envoy: NodeEnvoy,
        applying: Applying,
        control_plane: ControlPlaneOfNode,
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._envoy = envoy
        self._applying = applying
        self._control_plane = control_plane
        self._comparer = Comparer(folder.comparer, configuration=lambda: self._running)
        self._certificate = Certificate(settings, folder)
        self._logs = LogRotation(folder.access_log, reopen=envoy.admin.reopen_logs)
        self._usage = UsageLog(folder.access_log, folder.usage)
        self._running: Configuration | None = None
        self._taken: str | None = None
        """The digest of the configuration that `_running` is the most of."""
        self._held = HeldParts()
        self._tried_again: Configuration | None = None
        """Whose held parts are tried again when nothing else is to be done."""
        self._refused: tuple[str, str] | None = None
        self._newest: Configuration | None = None
        self._stopped = threading.Event()
        self._changed = threading.Condition()
        self._is_reported = False

    def run(self) -> None:
        """Serve until `stop`, and drain.

        Raises:
            Invalid: the certificate cannot be used.
            Unavailable: Envoy does not start.
        """
        self._certificate.load()
        self._comparer.start()
        self._write_metrics()
        self._start_with_last_good()
        for work in (self._fetch, self._report, self._count, self._note_usage, self._note_answers):
            threading.Thread(target=work, name=f"gateway{work.__name__}", daemon=True).start()
        while not self._stopped.is_set():
            self._make_pass()
        self._envoy.stop()
        self._comparer.stop()
        with suppress(ModelyardError):
            self._control_plane.report(self._state())  # That it serves no more.

    def stop(self) -> None:
        """Begin to stop. Safe in a signal's handler."""
        self._stopped.set()

    def _make_pass(self) -> None:
        """Apply what came, and look after everything that runs. Waits a moment for something to come."""
        with self._changed:
            if self._newest is None:
                self._changed.wait(_LOOK_SECONDS)
            newest, self._newest = self._newest, None
        if newest is not None:
            self._take(newest)
        elif self._tried_again is not None:
            self._take(self._tried_again, tries_held=True)
        if self._running is None:
            return
        if not self._envoy.is_running():
            logger.warning("the gateway's Envoy ended, and is started again")
            self._start(self._running)
        self._look_after(self._running)

    def _look_after(self, running: Configuration) -> None:
        try:
            self._applying.remove_left(running)
            self._certificate.refresh()
            self._logs.rotate()
            self._envoy.limit_log()
        except (Unavailable, RefusedError) as exc:
            logger.warning("the gateway's Envoy is not looked after", reason=exc.message)

    def _start_with_last_good(self) -> None:
        try:
            last = Configuration.read(self._folder.last_good.read_text(encoding="utf-8"))
        except FileNotFoundError:
            last = None
        except Invalid as exc:  # Of another version of this program.
            logger.warning("the last configuration is not used", reason=exc.message)
            last = None
        is_running = self._envoy.adopt()
        if last is None:
            if is_running:
                self._envoy.stop()
            return
        self._taken = last.digest
        if is_running:
            self._applying.change(last, back=None)
            self._running = last
        else:
            self._start(last)

    def _start(self, configuration: Configuration) -> None:
        self._applying.write(configuration)
        self._envoy.start()
        self._running = configuration

    def _take(self, newest: Configuration, *, tries_held: bool = False) -> None:
        """Run the most of this configuration from now on, or say why not.

        Args:
            tries_held: whether parts are tried that were refused before, and are still the same.
        """
        self._tried_again = None
        try:
            settled = self._settle(newest, tries_held=tries_held)
            replace_text(self._folder.last_good, settled.configuration.text)
        except RefusedError as exc:
            logger.warning("a configuration is refused", digest=newest.digest, reason=exc.message)
            self._refused = (newest.digest, exc.message)
        except Unavailable as exc:
            if self._envoy.is_running() or self._running is None:
                raise
            logger.warning("Envoy ended while it took a configuration", digest=newest.digest, reason=exc.message)
            self._refused = (newest.digest, exc.message)
        except OSError as exc:  # The disk is full, for example.
            logger.warning("a configuration cannot be written", digest=newest.digest, reason=str(exc))
            self._refused = (newest.digest, f"its files cannot be written: {exc.strerror}")
            self._try_later(newest)
        else:
            self._held.note(newest, settled)
            self._running, self._taken, self._refused = settled.configuration, newest.digest, None
            self._tried_again = newest if settled.refusals and not tries_held else None
        finally:
            self._write_metrics()
            with self._changed:
                self._is_reported = False
                self._changed.notify_all()

    def _settle(self, newest: Configuration, *, tries_held: bool) -> Settled:
        """Have Envoy run the most of it."""
        former = self._running or NOTHING
        if newest.digest == former.digest:
            return Settled(newest)
        known = {} if tries_held else self._held.still_in(newest)
        settled = settle(newest, former, lambda each: prove(each, self._folder), held=known)
        if settled.configuration.digest == former.digest:
            return settled
        if self._running is None:
            self._start(settled.configuration)
            return settled
        try:
            self._change(settled.configuration)
        except RefusedError as exc:  # For what no proof finds.
            return settle(newest, former, self._change, held=settled.refusals, refused=exc)
        return settled

    def _change(self, configuration: Configuration) -> None:
        self._applying.change(configuration, back=self._running)
        self._running = configuration

    def _write_metrics(self) -> None:
        with suppress(OSError):  # The disk is full: that is reported, and more than these numbers depends on it.
            routes = metrics_routes(self._held.reported, is_refused=self._refused is not None)
            write(self._folder.metrics, [routes])

    def _try_later(self, configuration: Configuration) -> None:
        """Take it again after a while, unless a newer one has come."""
        self._stopped.wait(_RETRY_SECONDS)
        with self._changed:
            self._newest = self._newest or configuration

    def _fetch(self) -> None:
        """Ask for newer configurations for ever."""
        seen = None if self._running is None else self._running.digest

        def ask() -> None:
            nonlocal seen
            newer = self._control_plane.newer(seen)
            if newer is not None:
                seen = newer.digest
                with self._changed:
                    self._newest = newer
                    self._changed.notify_all()

        self._for_ever(ask)

    def _report(self) -> None:
        """Report what runs whenever that changes, and every few seconds."""

        def report() -> None:
            with self._changed:
                if self._is_reported:
                    self._changed.wait(_REPORT_SECONDS)
                self._is_reported = True
            try:
                self._control_plane.report(self._state())
            except ModelyardError:
                self._is_reported = False
                raise

        self._for_ever(report)

    def _count(self) -> None:
        """Report what Envoy counts of each deployment, and what was compared, while that changes."""
        last: tuple[Sequence[BackendCounters], Sequence[ComparisonCounters]] = ((), ())

        def count() -> None:
            nonlocal last
            self._stopped.wait(_COUNT_SECONDS)
            if self._running is None:
                return
            found = read_counters(self._envoy.admin), self._comparer.counters()
            if found != last:
                self._control_plane.count(*found)
                last = found

        self._for_ever(count)

    def _note_usage(self) -> None:
        """Report who called what, as the access log has it."""

        def note() -> None:
            if not self._usage.report_new(self._control_plane.note_usage):
                self._stopped.wait(_USAGE_SECONDS)

        self._for_ever(note)

    def _note_answers(self) -> None:
        """Report which versions answered which requests."""
        with closing(AnswerLog(self._folder.access_log)) as log:

            def note() -> None:
                self._stopped.wait(_ANSWERS_SECONDS)
                answers = log.new_answers()
                if answers:
                    self._control_plane.note_answers(answers)

            self._for_ever(note)

    def _for_ever(self, work: Callable[[], None]) -> None:
        was_away = False
        while not self._stopped.is_set():
            try:
                work()
                was_away = False
            except ModelyardError as exc:
                if not was_away:
                    logger.warning("the gateway goes on without the control plane", reason=exc.message)
                was_away = True
                self._stopped.wait(_RETRY_SECONDS)

    def _state(self) -> NodeReport:
        refused, reason = self._refused or (None, None)
        return NodeReport(
            running=self._taken,
            refused_parts=self._held.reported,
            refused=refused,
            reason=reason,
            is_serving=self._running is not None and not self._stopped.is_set(),
            host=self._settings.host,
            port=self._settings.port,
            tls_port=self._settings.tls_port if self._settings.has_tls else None,
            envoy_version=_version(self._envoy.admin),
            problem=self._certificate.problem,
        )


def _version(admin: EnvoyAdmin) -> str | None:
    try:
        return admin.version()
    except Unavailable:
        return None
