"""Incidents that the button took over, kept until the server has surely heard of it."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from edge.contract.command import Result, Verb, encode_result

KEPT_S = 60.0  # real: what was handed to a connection may be lost with it so long
MOST = 100


@dataclass(slots=True)
class _Word:
    text: str
    sent_s: float | None = None


class Taken:
    """``texts`` are the results of earlier runs that may not have been heard."""

    def __init__(self, texts: Iterable[str] = ()) -> None:
        self.is_changed = False
        self._words = [_Word(text) for text in texts]
        self._is_heard = False

    @property
    def texts(self) -> list[str]:
        """What must outlive a restart."""
        return [word.text for word in self._words]

    def add(self, incident: str, at_ms: int) -> None:
        result = Result(
            verb=Verb.ANNOUNCE, target=incident, is_done=True, is_taken=True, at_ms=at_ms
        )
        self._words.append(_Word(encode_result(result).decode()))
        del self._words[:-MOST]
        self.is_changed = True

    def listens(self) -> None:
        """Somebody listens: what is unsent may go. Earlier a broker may drop it, unheard."""
        self._is_heard = True

    def unheard(self) -> None:
        """Nobody listens now; what was sent just before goes again later."""
        self._is_heard = False
        for word in self._words:
            word.sent_s = None

    def send(self, publish: Callable[[bytes], bool], now_s: float) -> float | None:
        """Send what is unsent, forget what has surely arrived; seconds until there is more to do."""
        if self._is_heard:
            for word in self._words:
                if word.sent_s is None and publish(word.text.encode()):
                    word.sent_s = now_s
        kept = [each for each in self._words if each.sent_s is None or now_s < each.sent_s + KEPT_S]
        self.is_changed |= len(kept) < len(self._words)
        self._words = kept
        sent = [word.sent_s for word in kept if word.sent_s is not None]
        return max(0.0, min(sent) + KEPT_S - now_s) if sent else None
