"""The agent: sensors in threads of their own, one loop that owns the journal and the sending.

Everything that happens comes to the loop as an event: what a sensor measured, what the link heard,
that it is time to stop. What is measured is numbered, committed, then sent, and stays in the
journal until the server names it.
"""

import logging
import queue
import secrets
import threading
import time
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from edge import VERSION, runner
from edge.clock import Clock
from edge.config import EdgeConfig
from edge.contract.ranges import decode_received
from edge.contract.status import State, Status
from edge.contract.topics import SERVER, Kind, Topic
from edge.crew import Crew
from edge.errors import JournalError
from edge.health.box import Box
from edge.install import build, versions
from edge.journal.journal import Journal
from edge.journal.keeper import Keeper
from edge.link import mqtt
from edge.link.mqtt import MqttLink
from edge.onsite import onsite
from edge.onsite.onsite import Onsite
from edge.sender import Sender
from edge.sensors.port import Sample
from edge.settings.overlay import Overlay
from edge.systemd import Systemd
from edge.timekeeping.kernel import Kernel
from edge.timekeeping.timekeeper import ClockSet, Timekeeper
from edge.timekeeping.timing import Timing

LEAST_RESEND_S = 2.0  # real: a round trip with two disks in it; a fast house clock changes none
RECEIPT_S = (
    0.1  # real: many receipts may wait so long, since losing one costs a double, which is known
)
MANY_RECEIPTS = 10
# Real: fewer go to the disk with the next readings, or so late. A commit of their own each time
# would write a card as much again as the readings do.
FEW_RECEIPTS_S = 300.0
TRIM_S = 5.0  # real: how often the caps are looked at
MOST_WAITING = 5_000  # readings in memory; then sensors wait for the disk
GOODBYE_S = 1.5  # real: of the 5 s in which SIGTERM must end
LONGEST_WAIT_S = 3600.0
SILENT_SERVER_S = 15.0  # real: a server that never says whether it is there is sent to all the same

_log = logging.getLogger(__name__)


class Stop:
    """Ask the loop to end."""


Event = mqtt.Event | runner.Event | onsite.Event | Stop


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """What a run leaves behind: ``measured`` and ``dropped`` count over all runs of the journal."""

    site: str
    device: str
    run: str
    measured: int
    waiting: int
    dropped: int


class Agent:
    """One device. ``run`` opens the journal and works until ``stop`` or until all is done.

    ``house`` is a clock that is given and true; without one the device finds out the time.
    """

    def __init__(
        self, config: EdgeConfig, house: Clock | None = None, overlay: Overlay | None = None
    ) -> None:
        self._config = config
        self._overlay = overlay
        self._is_restarting = self._is_told_to_stop = False
        self._kernel = Kernel()
        self._clock = Timekeeper(
            self._kernel, trust=config.trust, house=house, built_ms=build.built_ms()
        )
        # Certificates know no house time.
        self._real_ms = mqtt.system_ms if house is not None else self._clock.now_ms
        self._timing = Timing(
            self._clock, self._kernel,
            lambda question: self._link.publish(self._topic(Kind.TIME_REQUEST), question),
        )  # fmt: skip
        self._is_to_send = False  # as soon as the time is known, or nobody tells it
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._started_ms = self._clock.now_ms()
        self.run_id = new_run(self._started_ms)
        self._running: set[str] = set()
        self._systemd = Systemd.from_environment()
        self._crew = Crew(self._clock, self._inbox.put, self._stopping)
        self._has_reported = False
        self._cut_ms: int | None = None
        self._dirty_s: float | None = None
        self._rows_s: float | None = None  # since when readings wait for a commit
        self._trim_s = 0.0
        self._health_ms = self._started_ms
        self._unanswered: list[runner.Measured] = []
        self._server: State | None = None  # what the server said of itself on this connection
        self._unsaid_until_s: float | None = None
        self._is_answered = False  # by a receipt on this connection
        self._wished: EdgeConfig | None = None  # by wire, to be taken up

    def stop(self) -> None:
        """Safe in a signal handler."""
        self._is_told_to_stop = True
        self._inbox.put(Stop())

    @property
    def is_restarting(self) -> bool:
        """Whether ``run`` ended so that it begins again, with settings that came by wire."""
        return self._is_restarting and not self._is_told_to_stop

    def run(self) -> Summary:
        """Work until the end; JournalBusy when another process writes the journal."""
        self._keeper = Keeper(self._config.journal, self.run_id, self._kernel.boot)
        self._notebook = self._keeper.notebook
        self._recall_time()
        self._box = Box(self._config, self._notebook, self._clock, self._inbox.put)
        self._sender = self._new_sender()
        self._onsite = self._new_onsite()
        self._link = self._new_link()
        if self._overlay is not None:
            to = self._topic(Kind.CONFIG_REPORTED)
            self._overlay.attach(
                lambda payload: self._link.publish(to, payload, retain=True),
                self._restart,
                self._adopt,
            )
        try:
            self._onsite.start()
            self._link.start()
            self._start_sensors()
            self._systemd.ready()
            wait_s = 0.0
            while not self._stopping.is_set():
                try:
                    self._take_in(wait_s)
                    wait_s = min(self._work(), self._beat())
                except JournalError as error:
                    self._journal_failed(error)
                    wait_s = 0.0
            if not self.is_restarting:
                self._systemd.stopping()
            self._say_goodbye()
            return self._summary()
        finally:
            self._stopping.set()
            self._onsite.stop()
            self._link.close()
            self._journal.close()

    # In

    def _take_in(self, wait_s: float) -> None:
        """Wait for an event, then take all that are there."""
        try:
            self._handle(self._inbox.get(timeout=min(wait_s, LONGEST_WAIT_S)))
            for _ in range(1000):  # then the loop must look at its timers
                self._handle(self._inbox.get_nowait())
        except queue.Empty:
            pass

    def _handle(self, event: Event) -> None:
        match event:
            case runner.Measured() if event.sensor.startswith("~") and self._is_finishing():
                pass  # health that comes so late would wait in the journal for ever
            case runner.Measured():
                self._measured(event)
            case onsite.Did():
                late_ms = self._clock.late_ms(event.setting)
                self._notebook.take(event.samples, late_ms=late_ms)
                self._onsite.did(event)
            case onsite.Pressed():
                self._onsite.pressed(event)
            case runner.Failed():
                _log.warning("sensor %s failed: %s; it is tried again", event.sensor, event.reason)
            case runner.Ended():
                self._running.discard(event.sensor)
                _log.info("sensor %s has ended", event.sensor)
            case mqtt.Heard():
                self._heard(event)
            case mqtt.Connected():
                self._connected()
            case mqtt.Disconnected():
                self._server, self._unsaid_until_s = None, None
                self._is_answered = False
                self._stop_sending()
                self._onsite.server(is_there=False)
                if event.is_news:  # a week without a broker is 10,000 attempts
                    _log.warning("link: %s; it is tried again", event.reason)
            case Stop():
                self._stopping.set()

    def _measured(self, event: runner.Measured) -> None:
        if self._notebook.waiting >= MOST_WAITING and self._onsite.watches(event.samples):
            event.taken.set()  # the disk refuses; the guard must see all the same what comes next
            return
        late_ms = 0 if event.setting is None else self._clock.late_ms(event.setting)
        self._notebook.take(event.samples, event.sensor, event.mark, late_ms)
        self._unanswered.append(event)

    def _heard(self, event: mqtt.Heard) -> None:
        if event.topic == self._server_topic():
            self._server_said(event)
            return
        if event.topic == self._topic(Kind.CONFIG_DESIRED):
            if self._overlay is not None:
                self._overlay.heard(event.payload)
            return
        if event.topic == self._topic(Kind.COMMAND):
            self._onsite.commanded(event.payload, is_retained=event.is_retained)
            return
        if event.is_retained:
            return  # an old receipt that somebody left behind proves nothing, nor an old time
        if event.topic == self._topic(Kind.TIME_RESPONSE):
            self._timing.heard(event.payload)
            return
        ranges = decode_received(event.payload)
        if ranges is None:
            _log.warning("%s: not a receipt, ignored: %r", event.topic, event.payload[:100])
            return
        self._is_answered = True
        self._onsite.server(is_there=True)
        for run, spans in ranges.items():
            for lo, hi in spans:
                self._notebook.received(run, lo, hi)
                self._sender.received(run, lo, hi)
        if self.run_id in ranges and not self._has_reported:
            self._has_reported = True
            versions.say_reported(self.run_id)

    def _connected(self) -> None:
        _log.info("link: connected as run %s", self.run_id)
        birth = self._status(State.ONLINE, self._onsite.connected())
        self._link.publish(self._topic(Kind.STATUS), birth, retain=True)
        if self._overlay is not None:
            self._overlay.connected()
        # Nothing is sent until the server says that it listens: a broker may drop what nobody has
        # subscribed to, and what is sent again later would come out of order.
        if self._server is None:
            self._unsaid_until_s = time.monotonic() + SILENT_SERVER_S
        elif self._server is State.ONLINE:  # its retained word came before our subscription's
            self._begin_sending()

    def _server_said(self, event: mqtt.Heard) -> None:
        status = Status.decode(event.payload)
        if status is None:
            return
        is_news = status.state is not self._server
        self._server, self._unsaid_until_s = status.state, None
        self._onsite.server(is_there=status.state is State.ONLINE)
        if status.state is not State.ONLINE:
            self._stop_sending()
            if is_news:
                _log.warning("link: the server is %s; readings wait here", status.state.value)
        elif is_news or not event.is_retained:  # a new birth: what it has not received is open
            _log.info("link: the server listens")
            self._begin_sending()

    def _begin_sending(self) -> None:
        self._timing.listened()
        self._is_to_send = True
        self._onsite.listens()

    def _stop_sending(self) -> None:
        self._timing.unheard()
        self._is_to_send = False
        self._sender.disconnected()

    # Time

    def _recall_time(self) -> None:
        """Begin with the time that the journal knows; date what it holds, as far as that goes."""
        stamps = self._notebook.stamps
        if self._notebook.noted("open_run"):  # nobody noted its end
            self._cut_ms = stamps.clock_ms or None
            _log.warning(
                "journal: the run before ended without a goodbye; a power cut, most likely"
            )
        self._notebook.note("open_run", self.run_id)
        self._clock.recall(stamps.clock_ms, stamps.anchor)
        self._started_ms = self._health_ms = self._clock.now_ms()
        if self._clock.is_house:
            stamps.start(self._started_ms)
        elif self._clock.is_known:
            zeros_ms = tuple(stamps.undated.values())
            self._date()
            begin_ms = self._notebook.noted("begin_ms")
            if zeros_ms and begin_ms is not None and int(begin_ms) >= zeros_ms[-1]:
                by_ms = self._clock.anchor.zero_ms - zeros_ms[-1]  # it was chosen undated, too
                self._notebook.note("begin_ms", int(begin_ms) + by_ms)
        else:
            stamps.start(self._started_ms)
            stamps.begin_undated(self._clock.anchor.zero_ms)
            _log.warning("time: unknown; readings are dated as soon as it is known")

    def _keep_time(self) -> None:
        was_set = self._timing.work()
        if was_set is not None:
            self._clock_was_set(was_set)
        if self._is_to_send and self._timing.may_send:
            self._is_to_send = False
            try:
                self._commit()  # receipts first, so that what they name is not sent again
            finally:
                self._sender.connected()

    def _clock_was_set(self, was_set: ClockSet) -> None:
        by_ms, now_ms = was_set.by_ms, self._clock.now_ms()
        forward = "forward" if by_ms >= 0 else "back"
        _log.warning(
            "time: set %s by %.3f s, by the %s", forward, abs(by_ms) / 1000, was_set.source
        )
        self._box.clock_set(by_ms)
        self._health_ms += by_ms
        if self._config.begin_ms is None:
            self._begin += by_ms
            self._notebook.note("begin_ms", self._begin)
        if not was_set.was_known:
            self._date()
        elif by_ms < 0:
            self._notebook.stamps.turn_back(now_ms)
        self._notebook.take([Sample("", "", "clock-offset", -by_ms / 1000, now_ms)])

    def _date(self) -> None:
        if dated := self._notebook.date(self._clock.anchor.zero_ms, self._clock.now_ms()):
            _log.info("time: known; the readings of %d runs are dated by it", dated)

    # Out

    def _work(self) -> float:
        """Commit, trim and send what is due; how long nothing will be due."""
        if self._wished is not None:
            wished, self._wished = self._wished, None
            self._take_up(wished)
        now_s = time.monotonic()
        self._keep_time()
        self._measure_health()
        self._speak_for_late_sensors()
        onsite_s = self._onsite.work()
        if (mark := self._onsite.changed_mark()) is not None:
            self._notebook.take((), onsite.MARK, mark)
        if self._notebook.is_changed and self._dirty_s is None:
            self._dirty_s = now_s
        if self._notebook.waiting and self._rows_s is None:
            self._rows_s = now_s
        commit_s = self._commit_due_s()
        if commit_s is not None and commit_s <= now_s:
            self._commit()
            commit_s = self._commit_due_s()
        self._answer_sensors()
        if now_s >= self._trim_s:
            self._trim()
            self._trim_s = now_s + TRIM_S
        if self._keeper.look(now_s):
            self._sender.start_over()
            self._health_ms = self._clock.now_ms()
        waits = [
            self._sender.send(time.monotonic()),
            self._keeper.wait_s(now_s),
            self._health_wait_s(),
            self._trim_s - now_s,
            self._crew.wait_s(),
            self._timing.wait_s(),
        ]
        waits.append(self._look_at_trial())
        waits.append(onsite_s)
        if self._unsaid_until_s is not None:
            if now_s >= self._unsaid_until_s:
                self._unsaid_until_s = None
                _log.warning("link: the server says nothing of itself; sending all the same")
                self._begin_sending()
                waits.append(0.0)
            else:
                waits.append(self._unsaid_until_s - now_s)
        if commit_s is not None:
            waits.append(commit_s - now_s)
        if self._is_done():
            self._stopping.set()
        return max(0.0, min(wait for wait in waits if wait is not None))

    def _look_at_trial(self) -> float | None:
        if self._overlay is None:
            return None
        is_silent_server_there = self._server is None and self._is_answered
        return self._overlay.look(is_linked=self._server is State.ONLINE or is_silent_server_there)

    def _adopt(self, config: EdgeConfig) -> None:
        self._wished = config

    def _take_up(self, wished: EdgeConfig) -> None:
        """Go on with what can be changed while running: the line, the journal's pace, our own."""
        assert self._overlay is not None
        before = self._config
        self._config = replace(
            before,
            mqtt=wished.mqtt,
            journal=replace(before.journal, durability_s=wished.journal.durability_s),
            health_interval_s=wished.health_interval_s,
            resend_s=wished.resend_s,
            backlog_per_s=wished.backlog_per_s,
        )
        self._health_ms = min(
            self._health_ms, self._clock.now_ms() + round(wished.health_interval_s * 1000)
        )
        self._sender.disconnected()
        self._sender = self._new_sender()
        if wished.mqtt != before.mqtt:
            self._link.close()
            while not self._inbox.empty():  # what the old line still said proves nothing of the new
                self._handle(self._inbox.get_nowait())
            self._server, self._unsaid_until_s, self._is_answered = None, None, False
            self._sender.disconnected()
            self._link = self._new_link()
            self._link.start()
        elif self._server is State.ONLINE or self._is_answered:
            self._begin_sending()
        self._overlay.adopted()

    def _restart(self) -> None:
        self._is_restarting = True
        self._stopping.set()

    def _commit_due_s(self) -> float | None:
        """When the notebook must be committed, in seconds of the steady clock."""
        if self._dirty_s is None:
            return None
        if self._notebook.has_alarm:
            return self._dirty_s
        if self._unanswered and not self._config.journal.durability_s:
            return self._dirty_s
        if self._notebook.waiting:
            full = self._notebook.waiting >= MOST_WAITING
            ended = not self._running
            wait_s = self._clock.real(self._config.journal.durability_s)
            return self._dirty_s if full or ended else (self._rows_s or self._dirty_s) + wait_s
        many = self._notebook.receipts >= MANY_RECEIPTS or self._is_finishing()
        return self._dirty_s + (RECEIPT_S if many else FEW_RECEIPTS_S)

    def _commit(self) -> None:
        if not self._clock.is_house:
            self._notebook.stamps.anchor = self._clock.anchor
        self._notebook.stamps.clock_ms = self._clock.now_ms()
        while True:  # on the disk, in a new journal, or in memory
            try:
                self._notebook.commit()
                break
            except JournalError as error:
                self._journal_failed(error)
        self._dirty_s = self._rows_s = None
        for measured in self._unanswered:
            measured.taken.set()
        self._unanswered.clear()

    def _answer_sensors(self) -> None:
        """With a durability in seconds a sensor need not wait for the disk."""
        if self._notebook.waiting >= MOST_WAITING:
            for measured in self._unanswered:
                if self._onsite.watches(measured.samples):
                    measured.taken.set()  # the guard must see what comes next
            return
        for measured in self._unanswered:
            measured.taken.set()
        self._unanswered.clear()

    def _journal_failed(self, error: JournalError) -> None:
        self._keeper.failed(error)
        self._sender.start_over()
        self._health_ms = self._clock.now_ms()  # which says so

    def _trim(self) -> None:
        before_ms = self._clock.now_ms() - self._config.journal.max_age_ms
        where = "memory" if self._keeper.is_sheltered else "journal"
        if gone := self._notebook.trim(self._keeper.max_bytes, before_ms):
            _log.warning("%s: over its cap, %d readings dropped and announced", where, gone)

    def _measure_health(self) -> None:
        now_ms = self._clock.now_ms()
        if now_ms < self._health_ms or self._is_finishing():
            return
        self._health_ms = now_ms + round(self._config.health_interval_s * 1000)
        self._notebook.take(tuple(self._box.ask(now_ms, self._crew.faults)))
        self._notebook.take(self._keeper.health(now_ms))
        if (ahead_ms := self._clock.offset_ms) is not None:
            self._notebook.take([Sample("", "", "clock-offset", ahead_ms / 1000, now_ms)])
        self._notebook.take(self._crew.health(now_ms))

    def _speak_for_late_sensors(self) -> None:
        if late := tuple(self._crew.late()):
            self._notebook.take(late)

    def _health_wait_s(self) -> float | None:
        if self._is_finishing():
            return None
        return self._clock.real((self._health_ms - self._clock.now_ms()) / 1000)

    def _beat(self) -> float:
        """Tell systemd that the loop turns. One sensor that hangs is its own affair; when none has
        a thread left, only a restart helps.
        """
        if self._running and not self._crew.is_alive:
            return LONGEST_WAIT_S
        said = "not heard" if self._server is None else self._server.value
        text = f"run {self.run_id}, {self._journal.depth} readings waiting, server {said}"
        if self._keeper.is_sheltered:
            text += ", kept in memory: the disk refuses"
        wait_s = self._systemd.beat(time.monotonic(), text)
        return LONGEST_WAIT_S if wait_s is None else wait_s

    # Beginning and end

    @property
    def _journal(self) -> Journal:
        return self._keeper.journal

    def _new_sender(self) -> Sender:
        config = self._config
        return Sender(
            self._notebook,
            lambda kind, payload: self._link.publish(self._topic(kind), payload),
            window=config.mqtt.window,
            resend_s=max(LEAST_RESEND_S, self._clock.real(config.resend_s)),
            backlog_per_s=config.backlog_per_s,
            steady_ms=self._kernel.steady_ms,
        )

    def _new_link(self) -> MqttLink:
        will = Status(state=State.OFFLINE, run=self.run_id).encode()
        return MqttLink(
            self._config.mqtt,
            self._config.device,
            will=(self._topic(Kind.STATUS), will),
            listen=(
                self._topic(Kind.RECEIVED),
                self._topic(Kind.TIME_RESPONSE),
                self._server_topic(),
                self._topic(Kind.CONFIG_DESIRED),
                *self._commands(),
            ),
            hand_over=self._inbox.put,
            now_ms=self._real_ms,
            built_ms=build.built_ms(),
        )

    def _new_onsite(self) -> Onsite:
        return Onsite(
            self._config.onsite, self._clock, self._notebook.mark(onsite.MARK),
            command_topic=self._topic(Kind.COMMAND), hand_over=self._inbox.put,
            publish=lambda kind, payload: self._link.publish(self._topic(kind), payload),
            stopping=self._stopping,
        )  # fmt: skip

    def _commands(self) -> tuple[str, ...]:
        return (self._topic(Kind.COMMAND),) if self._onsite.takes_commands else ()

    def _start_sensors(self) -> None:
        self._begin = self._begin_ms()
        for sensor_config in self._config.sensors:
            self._running.add(sensor_config.name)
            mark = self._notebook.mark(sensor_config.name)
            self._crew.start(sensor_config, self._begin, mark, self._onsite.observe)

    def _begin_ms(self) -> int:
        """When the house began: configured, or the first start with this journal."""
        if self._config.begin_ms is not None:
            return self._config.begin_ms
        known = self._notebook.noted("begin_ms")
        begin_ms = self._started_ms if known is None else int(known)
        self._notebook.note("begin_ms", begin_ms)
        return begin_ms

    def _is_finishing(self) -> bool:
        return self._config.exit_when_done and not self._running

    def _is_done(self) -> bool:
        return (
            self._is_finishing()
            and not self._keeper.is_sheltered
            and not self._notebook.is_changed
            and self._journal.depth == 0
        )

    def _say_goodbye(self) -> None:
        """Commit what was measured and say that we stop; what is unsent waits in the journal."""
        try:
            while True:  # what sensors handed over before they saw that we stop
                self._handle(self._inbox.get_nowait())
        except queue.Empty:
            pass
        self._notebook.note("open_run", "")
        self._commit()
        if self._keeper.is_sheltered:
            try:
                self._keeper.bring_home()
            except JournalError as error:
                _log.error("journal: %s; %d readings end with us", error, self._journal.depth)
        self._link.say_last(self._topic(Kind.STATUS), self._status(State.STOPPING), GOODBYE_S)

    def _summary(self) -> Summary:
        return Summary(
            site=self._config.site,
            device=self._config.device,
            run=self.run_id,
            measured=self._notebook.measured,
            waiting=self._journal.depth,
            dropped=self._notebook.dropped,
        )

    def _server_topic(self) -> str:
        return str(Topic(self._config.site, SERVER, Kind.STATUS))

    def _topic(self, kind: Kind) -> str:
        return str(Topic(self._config.site, self._config.device, kind))

    def _status(self, state: State, nonce: str = "") -> bytes:
        return Status(
            state=state,
            run=self.run_id,
            firmware=firmware(),
            at_ms=self._clock.now_ms() if self._clock.is_known else None,
            nonce=nonce,
            cut_ms=self._cut_ms,
        ).encode()


def new_run(now_ms: int) -> str:
    """A run's id: readable by its time, unique by chance."""
    at = datetime.fromtimestamp(now_ms / 1000, UTC)
    return f"{at:%Y%m%d-%H%M%S}-{secrets.token_hex(4)}"


def firmware() -> str:
    """What the status says we are."""
    here = versions.Versions.of_this_process()
    failed = None if here is None else here.rolled_back()
    said = f"shouwang-edge {VERSION}"
    return said if failed is None else f"{said} ({failed.new} rolled back)"[:64]
