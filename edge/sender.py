"""What is sent when: in order while that delays nothing; else live rows first, the backlog behind
them at a bounded rate; and again what is late.

A row is sent when it is committed, and again until the server has named it, so neither the broker
nor its disk has to be trusted. Times are real seconds of a steady clock, given as ``now_s``: what
bounds sending is the network, and that does not run faster when the house clock does.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace

from edge.contract import senml
from edge.contract.topics import Kind
from edge.journal.journal import Row
from edge.journal.losses import Span
from edge.journal.notebook import Notebook

PACK = 200  # readings, about 12 kB
LIVE_MOST = 10 * PACK  # so much is through in a blink; newer rows overtake a longer backlog
NEWEST = 5 * PACK  # of a longer backlog these go first: an alarm just before the link came back
ANNOUNCE_MOST = 100  # dropped ranges told in one pack
MOST_PATIENCE = 10  # times the resend: a server that confirms nothing costs a SIM little by then


@dataclass(frozen=True, slots=True, kw_only=True)
class Pack:
    """What was sent and not yet received."""

    kind: Kind
    run: str
    lo: int
    hi: int
    dropped: tuple[Span, ...]
    sent_s: float


class Sender:
    """``publish(kind, payload)`` says whether the connection took it. ``steady_ms`` is the clock
    since boot: what is not dated yet goes out as so long ago.
    """

    def __init__(
        self, notebook: Notebook, publish: Callable[[Kind, bytes], bool], *,
        window: int, resend_s: float, backlog_per_s: float,
        steady_ms: Callable[[], int] = lambda: 0,
    ) -> None:  # fmt: skip
        self._notebook = notebook
        self._publish = publish
        self._window = window
        self._backlog_window = max(1, window - max(1, window // 4))  # the rest is kept for live
        self._resend_s = resend_s
        self._patience_s = resend_s  # grows while nothing at all is received
        self._grows_s = 0.0
        self._rate = backlog_per_s
        self._steady_ms = steady_ms
        self._tokens = 0.0
        self._filled_s: float | None = None
        self._is_up = False
        self._live = 0
        self._backlog: list[tuple[int, int]] = []
        self._packs: dict[tuple[str, int], Pack] = {}

    @property
    def in_flight(self) -> int:
        """Packs sent and not yet received."""
        return len(self._packs)

    def connected(self) -> None:
        """Nothing counts as sent any more. A short backlog goes first, so that each series stays in
        order; a longer one would delay what is new, so its newest rows and live ones overtake it.
        """
        self.disconnected()
        self._is_up = True
        self._patience_s = self._resend_s
        journal = self._notebook.journal
        if journal.depth <= LIVE_MOST:
            first = journal.pending(1)
            self._live = first[0].position - 1 if first else journal.last
            self._backlog = []
        else:
            self._live = max(0, journal.last - NEWEST)
            self._backlog = [(0, self._live)]

    def start_over(self) -> None:
        """The journal was replaced: what was sent of the old one cannot be sent again."""
        if self._is_up:
            self.connected()

    def disconnected(self) -> None:
        self._is_up = False
        self._packs.clear()

    def received(self, run: str, lo: int, hi: int) -> None:
        """The server holds these readings."""
        self._patience_s = self._resend_s
        for key, pack in list(self._packs.items()):
            if pack.run == run and lo <= pack.lo and pack.hi <= hi:
                del self._packs[key]
                if pack.dropped:
                    self._notebook.announced(pack.dropped)

    def send(self, now_s: float) -> float | None:
        """Send what may go now; after how many seconds to ask again without any news."""
        if not self._is_up:
            return None
        self._again(now_s)
        upto = self._notebook.journal.last
        if upto - self._live > LIVE_MOST and self._notebook.journal.depth > LIVE_MOST:
            self._put_back(upto)
        self._live = self._send_rows(self._live, upto, self._window, upto, now_s)
        return self._send_backlog(now_s)

    def _again(self, now_s: float) -> None:
        late = [pack for pack in self._packs.values() if now_s - pack.sent_s >= self._patience_s]
        for pack in late:
            del self._packs[pack.run, pack.lo]
            rows = self._notebook.journal.pick(pack.run, pack.lo, pack.hi)
            for part in _packs_of(rows):
                if not self._send_pack(part, now_s):
                    self._packs[pack.run, pack.lo] = replace(pack, sent_s=now_s)
                    return
        if late and now_s >= self._grows_s:  # once a round, however many packs are late in it
            self._patience_s = min(2 * self._patience_s, MOST_PATIENCE * self._resend_s)
            self._grows_s = now_s + self._patience_s

    def _put_back(self, upto: int) -> None:
        """Make unsent live rows backlog, joined with the last of it when they follow it."""
        if self._backlog and self._backlog[-1][1] == self._live:
            self._backlog[-1] = (self._backlog[-1][0], upto)
        else:
            self._backlog.append((self._live, upto))
        self._live = upto

    def _send_backlog(self, now_s: float) -> float | None:
        if self._filled_s is not None:
            gained = (now_s - self._filled_s) * self._rate
            self._tokens = min(max(PACK, self._rate), self._tokens + gained)
        self._filled_s = now_s
        while self._backlog and len(self._packs) < self._backlog_window:
            if self._tokens < min(PACK, self._rate):
                return (min(PACK, self._rate) - self._tokens) / self._rate
            after, upto = self._backlog[0]
            most = int(min(PACK, max(self._tokens, 1)))
            end = self._send_rows(after, upto, self._backlog_window, most, now_s)
            if end >= upto:
                self._backlog.pop(0)
            elif end == after:
                break
            else:
                self._backlog[0] = (end, upto)
        if not self._packs:
            return None
        return max(
            0.0, min(pack.sent_s for pack in self._packs.values()) + self._patience_s - now_s
        )

    def _send_rows(self, after: int, upto: int, window: int, most: int, now_s: float) -> int:
        """Send own rows behind ``after`` while the window has room; how far it came."""
        while after < upto and most > 0 and len(self._packs) < window:
            rows = self._notebook.journal.pending(min(PACK, most), after=after, upto=upto)
            if not rows:
                return upto
            for part in _packs_of(rows):
                if len(self._packs) >= window or not self._send_pack(part, now_s):
                    return after
                after = part[-1].position
                most -= len(part)
                self._tokens = max(0.0, self._tokens - len(part))
        return after

    def _send_pack(self, rows: Sequence[Row], now_s: float) -> bool:
        run, lo, hi, kind = rows[0].run, rows[0].seq, rows[-1].seq, Kind(rows[0].kind)
        is_told = any(pack.dropped for pack in self._packs.values())
        dropped = () if is_told else self._notebook.to_announce(ANNOUNCE_MOST)
        readings = [self._notebook.reading(row) for row in rows]
        shown_ms = self._notebook.stamps.shown_ms(run, self._steady_ms())
        payload = senml.encode(readings, dropped, relative_to_ms=shown_ms)
        if not self._publish(kind, payload):
            return False
        self._packs[run, lo] = Pack(kind=kind, run=run, lo=lo, hi=hi, dropped=dropped, sent_s=now_s)
        return True


def _packs_of(rows: Sequence[Row]) -> Iterator[Sequence[Row]]:
    """Consecutive ``seq`` of one run and one kind, as one pack must be."""
    start = 0
    for n in range(1, len(rows) + 1):
        if n == len(rows) or (rows[n].run, rows[n].kind, rows[n].seq) != (
            rows[start].run, rows[start].kind, rows[n - 1].seq + 1,
        ):  # fmt: skip
            yield rows[start:n]
            start = n
