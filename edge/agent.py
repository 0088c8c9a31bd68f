"""The agent: sensors in threads of their own, one loop that owns the journal and the sending.

Everything that happens comes to the loop as an event: what a sensor measured, what the link heard,
that it is time to stop. What is measured is numbered, committed, then sent, and stays in the
journal until the server names it.
"""

import logging
import queue
import threading
import time
from dataclasses import dataclass

from edge import runner
from edge.clock import Clock
from edge.config import EdgeConfig
from edge.contract.topics import Kind
from edge.crew import Crew
from edge.errors import JournalError
from edge.health.box import Box
from edge.health.checkup import Checkup
from edge.identity import Identity, new_run
from edge.install import build
from edge.journal.intake import Intake
from edge.journal.journal import Journal
from edge.journal.keeper import Keeper
from edge.journal.upkeep import Upkeep
from edge.link import mqtt
from edge.onsite import onsite
from edge.onsite.onsite import Onsite
from edge.settings.merging import while_running
from edge.settings.overlay import Overlay
from edge.systemd import Systemd
from edge.timekeeping.dating import Dating
from edge.timekeeping.kernel import Kernel
from edge.timekeeping.timekeeper import Timekeeper
from edge.uplink import Uplink

GOODBYE_S = 1.5  # real: of the 5 s in which SIGTERM must end
LONGEST_WAIT_S = 3600.0

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
        self.run_id = new_run(self._clock.now_ms())
        self._inbox: queue.SimpleQueue[Event] = queue.SimpleQueue()
        self._stopping = threading.Event()
        self._running: set[str] = set()
        self._systemd = Systemd.from_environment()
        self._crew = Crew(self._clock, self._inbox.put, self._stopping)
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
        self._wire()
        try:
            self._onsite.start()
            self._uplink.start()
            self._start_sensors()
            self._systemd.ready()
            wait_s = 0.0
            while not self._stopping.is_set():
                try:
                    self._take_in(wait_s)
                    wait_s = min(self._work(), self._beat())
                except JournalError as error:
                    self._upkeep.failed(error)
                    wait_s = 0.0
            if not self.is_restarting:
                self._systemd.stopping()
            self._say_goodbye()
            return self._summary()
        finally:
            self._stopping.set()
            self._onsite.stop()
            self._uplink.close()
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

    def _take_rest(self) -> None:
        """Take all that are there."""
        try:
            while True:
                self._handle(self._inbox.get_nowait())
        except queue.Empty:
            pass

    def _handle(self, event: Event) -> None:
        match event:
            case runner.Measured() if event.sensor.startswith("~") and self._is_finishing():
                pass  # health that comes so late would wait in the journal for ever
            case runner.Measured():
                late_ms = 0 if event.setting is None else self._clock.late_ms(event.setting)
                self._intake.measured(event, late_ms)
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
            case mqtt.Heard() | mqtt.Connected() | mqtt.Disconnected():
                self._uplink.take(event)
            case Stop():
                self._stopping.set()

    # Work

    def _work(self) -> float:
        """Do what is due, commit before sending; how long nothing will be due."""
        self._take_up_settings()
        self._keep_time()
        self._measure_health()
        onsite_s = self._work_onsite()
        upkeep_s = self._upkeep.work(
            self._config.journal,
            is_ending=not self._running,
            is_finishing=self._is_finishing(),
        )
        waits = [
            self._uplink.work(),
            None if self._is_finishing() else self._checkup.wait_s(),
            self._crew.wait_s(),
            self._look_at_trial(),
            onsite_s,
            upkeep_s,
        ]
        if self._is_done():
            self._stopping.set()
        return max(0.0, min(wait for wait in waits if wait is not None))

    def _take_up_settings(self) -> None:
        """Go on with what came by wire and can be changed while running."""
        if self._wished is None or self._overlay is None:
            return
        self._config, self._wished = while_running(self._config, self._wished), None
        self._checkup.every(self._config.health_interval_s)
        self._uplink.take_up(self._config, self._take_rest)
        self._overlay.adopted()

    def _keep_time(self) -> None:
        if (was_set := self._uplink.ask_time()) is not None:
            self._checkup.clock_set(was_set.by_ms)
            self._dating.clock_set(was_set)
        if self._uplink.is_to_begin:
            try:
                self._upkeep.commit()
            finally:
                self._uplink.begin()

    def _measure_health(self) -> None:
        if not self._is_finishing() and (told := self._checkup.look()):
            self._notebook.take(told)
        if late := tuple(self._crew.late()):
            self._notebook.take(late)

    def _work_onsite(self) -> float | None:
        wait_s = self._onsite.work()
        if (mark := self._onsite.changed_mark()) is not None:
            self._notebook.take((), onsite.MARK, mark)
        return wait_s

    def _look_at_trial(self) -> float | None:
        if self._overlay is None:
            return None
        return self._overlay.look(is_linked=self._uplink.is_linked)

    def _beat(self) -> float:
        """Tell systemd that the loop turns. One sensor that hangs is its own affair; when none has
        a thread left, only a restart helps.
        """
        if self._running and not self._crew.is_alive:
            return LONGEST_WAIT_S
        text = f"run {self.run_id}, {self._journal.depth} readings waiting, "
        text += f"server {self._uplink.words}"
        if self._keeper.is_sheltered:
            text += ", kept in memory: the disk refuses"
        wait_s = self._systemd.beat(time.monotonic(), text)
        return LONGEST_WAIT_S if wait_s is None else wait_s

    # Beginning and end

    def _wire(self) -> None:
        config, clock, hand_over = self._config, self._clock, self._inbox.put
        self._notebook = notebook = self._keeper.notebook
        self._dating = Dating(clock, notebook, config.begin_ms)
        self._dating.recall(self.run_id)
        me = Identity(
            site=config.site, device=config.device, run=self.run_id, cuts_ms=self._dating.cuts_ms
        )
        self._checkup = Checkup(
            Box(config, notebook, clock, hand_over), self._keeper, self._crew, clock,
            config.health_interval_s,
        )  # fmt: skip
        self._onsite = Onsite(
            config.onsite, clock, notebook.mark(onsite.MARK),
            command_topic=me.topic(Kind.COMMAND), hand_over=hand_over,
            publish=self._publish, stopping=self._stopping,
        )  # fmt: skip
        self._intake = Intake(notebook, self._onsite.watches)
        self._upkeep = Upkeep(self._keeper, self._intake, self._dating, clock, self._journal_moved)
        self._uplink = Uplink(
            config, me, clock, self._kernel,
            notebook=notebook, onsite=self._onsite, overlay=self._overlay, hand_over=hand_over,
        )  # fmt: skip
        if self._overlay is not None:
            self._overlay.attach(
                lambda payload: self._uplink.publish(Kind.CONFIG_REPORTED, payload, retain=True),
                self._restart,
                self._adopt,
            )

    def _publish(self, kind: Kind, payload: bytes) -> bool:
        return self._uplink.publish(kind, payload)

    def _journal_moved(self) -> None:
        self._uplink.start_over()
        self._checkup.hurry()  # which says so

    def _adopt(self, wished: EdgeConfig) -> None:
        self._wished = wished

    def _restart(self) -> None:
        self._is_restarting = True
        self._stopping.set()

    def _start_sensors(self) -> None:
        for sensor_config in self._config.sensors:
            self._running.add(sensor_config.name)
            mark = self._notebook.mark(sensor_config.name)
            self._crew.start(sensor_config, self._dating.begin_ms, mark, self._onsite.observe)

    @property
    def _journal(self) -> Journal:
        return self._keeper.journal

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
        self._take_rest()  # what sensors handed over before they saw that we stop
        self._dating.ended()
        self._upkeep.commit()
        if self._keeper.is_sheltered:
            try:
                self._keeper.bring_home()
            except JournalError as error:
                _log.error("journal: %s; %d readings end with us", error, self._journal.depth)
        self._uplink.say_goodbye(GOODBYE_S)

    def _summary(self) -> Summary:
        return Summary(
            site=self._config.site,
            device=self._config.device,
            run=self.run_id,
            measured=self._notebook.measured,
            waiting=self._journal.depth,
            dropped=self._notebook.dropped,
        )
