"""Parts of a message that could not be used, as many as somebody may want to look at."""

MOST = 100
_LENGTH = 1_000


class Refused:
    """Collects (reason, part); beyond MOST they are only counted."""

    __slots__ = ("_kept", "_more")

    def __init__(self) -> None:
        self._kept: list[tuple[str, bytes]] = []
        self._more = 0

    def add(self, reason: str, part: bytes) -> None:
        if len(self._kept) < MOST:
            self._kept.append((reason, part[:_LENGTH]))
        else:
            self._more += 1

    def told(self) -> tuple[tuple[str, bytes], ...]:
        if not self._more:
            return tuple(self._kept)
        return (*self._kept, (f"{self._more} more parts of the message are wrong", b""))
