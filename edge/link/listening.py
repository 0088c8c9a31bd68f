"""Whether the server listens on this connection, and so whether to send. Pure.

Nothing is sent until the server says that it listens: a broker may drop what nobody has subscribed
to, and what is sent again later would come out of order.
"""

from dataclasses import dataclass

from edge.contract.status import State

SILENT_SERVER_S = 15.0  # real: a server that never says whether it is there is sent to all the same


@dataclass(frozen=True, slots=True)
class Turn:
    """Begin to send, or stop; ``news`` is for the log, where there is any."""

    sends: bool
    news: str = ""
    is_trouble: bool = False


class Listening:
    """``now_s`` is of a steady clock."""

    def __init__(self) -> None:
        self._state: State | None = None
        self._is_answered = False
        self._until_s: float | None = None  # so long a silent server is waited for
        self.sends = False

    def connected(self, now_s: float) -> Turn | None:
        if self._state is None:
            self._until_s = now_s + SILENT_SERVER_S
        elif self._state is State.ONLINE:  # its retained word came before our subscription's
            return self._turn(Turn(True))
        return None

    def disconnected(self) -> None:
        """What was said on that connection counts no more."""
        self._state, self._until_s = None, None
        self._is_answered = self.sends = False

    def said(self, state: State, *, is_retained: bool) -> Turn | None:
        """The server told its state."""
        is_news = state is not self._state
        self._state, self._until_s = state, None
        if state is not State.ONLINE:
            news = f"the server is {state.value}; readings wait here" if is_news else ""
            return self._turn(Turn(False, news, is_trouble=True))
        if is_news or not is_retained:  # a new birth: what it has not received is open
            return self._turn(Turn(True, "the server listens"))
        return None

    def answered(self) -> None:
        """A receipt came."""
        self._is_answered = True

    def look(self, now_s: float) -> Turn | None:
        """What waiting alone brings about."""
        if self._until_s is None or now_s < self._until_s:
            return None
        self._until_s = None
        news = "the server says nothing of itself; sending all the same"
        return self._turn(Turn(True, news, is_trouble=True))

    def wait_s(self, now_s: float) -> float | None:
        """When ``look`` is due."""
        return None if self._until_s is None else max(0.0, self._until_s - now_s)

    @property
    def is_there(self) -> bool:
        """It says so; or it says nothing and answers all the same."""
        return self._state is State.ONLINE or (self._state is None and self._is_answered)

    @property
    def words(self) -> str:
        return "not heard" if self._state is None else self._state.value

    def _turn(self, turn: Turn) -> Turn:
        self.sends = turn.sends
        return turn
