"""What passes between device and server: the link, what is sent on it when, and what is heard."""

import logging
import time
from collections.abc import Callable

from edge.config import EdgeConfig
from edge.contract.ranges import decode_received
from edge.contract.status import State, Status
from edge.contract.topics import Kind
from edge.identity import Identity
from edge.install import build, versions
from edge.journal import cuts
from edge.journal.notebook import Notebook
from edge.link.listening import Listening, Turn
from edge.link.mqtt import Connected, Disconnected, Event, Heard, MqttLink, system_ms
from edge.onsite.onsite import Onsite
from edge.sender import Sender
from edge.settings.overlay import Overlay
from edge.timekeeping.kernel import Kernel
from edge.timekeeping.timekeeper import ClockSet, Timekeeper
from edge.timekeeping.timing import Timing

LONGEST_WAIT_S = 3600.0
LEAST_RESEND_S = 2.0  # real: a round trip with two disks in it; a fast house clock changes none

_log = logging.getLogger(__name__)


class Uplink:
    """``hand_over`` takes the link's events to the loop, from its thread; the rest is the loop's."""

    def __init__(
        self, config: EdgeConfig, me: Identity, clock: Timekeeper, kernel: Kernel, *,
        notebook: Notebook, onsite: Onsite, overlay: Overlay | None,
        hand_over: Callable[[Event], None],
    ) -> None:  # fmt: skip
        self._config = config
        self._me = me
        self._clock = clock
        self._kernel = kernel
        self._notebook = notebook
        self._onsite = onsite
        self._overlay = overlay
        self._hand_over = hand_over
        self._listening = Listening()
        self._is_to_send = False  # as soon as the time is known, or nobody tells it
        self._has_reported = False
        self._timing = Timing(
            clock, kernel, lambda question: self.publish(Kind.TIME_REQUEST, question)
        )
        self._sender = self._new_sender()
        self._link = self._new_link()

    def start(self) -> None:
        self._link.start()

    def close(self) -> None:
        self._link.close()

    def publish(self, kind: Kind, payload: bytes, *, retain: bool = False) -> bool:
        """Whether the connection took it; at once."""
        return self._link.publish(self._me.topic(kind), payload, retain=retain)

    def say_goodbye(self, timeout_s: float) -> None:
        last = self._status(State.STOPPING)
        self._link.say_last(self._me.topic(Kind.STATUS), last, timeout_s)

    # Heard

    def take(self, event: Event) -> None:
        match event:
            case Heard():
                self._heard(event)
            case Connected():
                self._connected()
            case Disconnected():
                self._listening.disconnected()
                self._stop_sending()
                self._onsite.server(is_there=False)
                if event.is_news:  # a week without a broker is 10,000 attempts
                    _log.warning("link: %s; it is tried again", event.reason)

    def _connected(self) -> None:
        _log.info("link: connected as run %s", self._me.run)
        birth = self._status(State.ONLINE, self._onsite.connected())
        self.publish(Kind.STATUS, birth, retain=True)
        if self._overlay is not None:
            self._overlay.connected()
        self._turn(self._listening.connected(time.monotonic()))

    def _heard(self, event: Heard) -> None:
        topic = self._me.topic
        if event.topic == self._me.server_topic:
            self._server_said(event)
        elif event.topic == topic(Kind.CONFIG_DESIRED):
            if self._overlay is not None:
                self._overlay.heard(event.payload)
        elif event.topic == topic(Kind.COMMAND):
            self._onsite.commanded(event.payload, is_retained=event.is_retained)
        elif event.is_retained:
            pass  # an old receipt that somebody left behind proves nothing, nor an old time
        elif event.topic == topic(Kind.TIME_RESPONSE):
            self._timing.heard(event.payload)
        else:
            self._received(event)

    def _server_said(self, event: Heard) -> None:
        status = Status.decode(event.payload)
        if status is None:
            return
        self._onsite.server(is_there=status.state is State.ONLINE)
        self._turn(self._listening.said(status.state, is_retained=event.is_retained))

    def _received(self, event: Heard) -> None:
        ranges = decode_received(event.payload)
        if ranges is None:
            _log.warning("%s: not a receipt, ignored: %r", event.topic, event.payload[:100])
            return
        self._listening.answered()
        self._onsite.server(is_there=True)
        for run, spans in ranges.items():
            for lo, hi in spans:
                self._notebook.received(run, lo, hi)
                self._sender.received(run, lo, hi)
        if self._me.run in ranges and not self._has_reported:
            self._has_reported = True
            if self._me.cuts_ms:  # it has heard our birth, and with it of these
                self._notebook.note(cuts.CUTS, cuts.spell(()))
            versions.say_reported(self._me.run)

    # Sent

    def ask_time(self) -> ClockSet | None:
        """Ask whom it is time to ask; how the clock was set by an answer."""
        return self._timing.work()

    @property
    def is_to_begin(self) -> bool:
        """Whether ``begin`` is due: commit before, so that what receipts name is not sent again."""
        return self._is_to_send and self._timing.may_send

    def begin(self) -> None:
        self._is_to_send = False
        self._sender.connected()

    def work(self) -> float:
        """Send what is due; in how many seconds something will be."""
        waits = [self._sender.send(time.monotonic()), self._timing.wait_s()]
        if (turn := self._listening.look(time.monotonic())) is not None:
            self._turn(turn)
            return 0.0
        waits.append(self._listening.wait_s(time.monotonic()))
        return min((wait for wait in waits if wait is not None), default=LONGEST_WAIT_S)

    def start_over(self) -> None:
        """The journal is another one."""
        self._sender.start_over()

    @property
    def is_linked(self) -> bool:
        """Whether the server hears us, by its word or its receipts."""
        return self._listening.is_there

    @property
    def words(self) -> str:
        """What is known of the server."""
        return self._listening.words

    def take_up(self, config: EdgeConfig, take_rest: Callable[[], None]) -> None:
        """Go on with these settings; ``take_rest`` handles what the line that ends has left."""
        is_another = config.mqtt != self._config.mqtt
        self._config = config
        self._sender.disconnected()
        self._sender = self._new_sender()
        if is_another:
            self._link.close()
            take_rest()  # what the old line still said proves nothing of the new
            self._listening.disconnected()
            self._sender.disconnected()
            self._link = self._new_link()
            self._link.start()
        elif self._listening.sends:
            self._begin_sending()

    def _turn(self, turn: Turn | None) -> None:
        if turn is None:
            return
        if turn.sends:
            self._begin_sending()
        else:
            self._stop_sending()
        if turn.news:
            _log.log(logging.WARNING if turn.is_trouble else logging.INFO, "link: %s", turn.news)

    def _begin_sending(self) -> None:
        self._timing.listened()
        self._is_to_send = True
        self._onsite.listens()

    def _stop_sending(self) -> None:
        self._timing.unheard()
        self._is_to_send = False
        self._sender.disconnected()

    def _status(self, state: State, nonce: str = "") -> bytes:
        at_ms = self._clock.now_ms() if self._clock.is_known else None
        return self._me.status(state, at_ms, nonce)

    def _new_sender(self) -> Sender:
        config = self._config
        return Sender(
            self._notebook,
            self.publish,
            window=config.mqtt.window,
            resend_s=max(LEAST_RESEND_S, self._clock.real(config.resend_s)),
            backlog_per_s=config.backlog_per_s,
            steady_ms=self._kernel.steady_ms,
        )

    def _new_link(self) -> MqttLink:
        topic = self._me.topic
        kinds = [Kind.RECEIVED, Kind.TIME_RESPONSE, Kind.CONFIG_DESIRED]
        if self._onsite.takes_commands:
            kinds.append(Kind.COMMAND)
        return MqttLink(
            self._config.mqtt,
            self._config.device,
            will=(topic(Kind.STATUS), self._me.will),
            listen=(self._me.server_topic, *map(topic, kinds)),
            hand_over=self._hand_over,
            # Certificates know no house time.
            now_ms=system_ms if self._clock.is_house else self._clock.now_ms,
            built_ms=build.built_ms(),
        )
