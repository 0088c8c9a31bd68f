"""A group's robot: what WeCom's, DingTalk's and Feishu's have in common."""

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from alerts.notify.answers import Codes, hiding, judge, post_json
from alerts.notify.cutting import fitted, in_json, utf8
from alerts.notify.notice import Notice
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Outcome, Rejected, Retry
from alerts.registry.addresses import Robot, robot
from alerts.secrets import SecretError, resolve
from edge.clock import Clock
from edge.contract.secret import Secret

# Their markup and their mentions; in the link itself they never stand.
_TWINS = str.maketrans({sign: chr(ord(sign) + 0xFEE0) for sign in "<>@"})


class GroupRobot(ABC):
    """One message of plain text by POST to the robot's URL, which is the secret."""

    CODES: Codes
    BYTES_MOST: int
    """Of the words, by ``size``."""

    def __init__(self, outbound: Outbound, clock: Clock, real: Clock = Clock()) -> None:  # noqa: B008 - frozen
        self._outbound = outbound
        self._clock = clock
        self._real = real

    async def send(self, notice: Notice) -> Outcome:
        to = robot(notice.address.to)
        try:
            url, secret = resolve(to.hook), resolve(notice.address.secret)
        except SecretError as error:
            return Retry(str(error))
        words = text_of(notice, self.BYTES_MOST - self.room_for(to), self.size)
        if not words:
            return Rejected("a notice without words")
        hide = hiding(url.reveal(), secret.reveal())
        there, document = self.letter(url.reveal(), words, to, secret, self._real)
        answer = await post_json(self._outbound, there, document, hide)
        if not isinstance(answer, Answer):
            return answer
        return judge(answer, self.CODES, self._clock, hide)

    async def close(self) -> None:
        await self._outbound.close()

    @staticmethod
    def size(words: str) -> int:
        """Bytes as the service counts them: of the whole body in JSON, unless it says otherwise."""
        return in_json(words)

    def room_for(self, to: Robot) -> int:
        """Bytes that the mentions take of the words."""
        return 0

    @staticmethod
    @abstractmethod
    def letter(
        url: str, words: str, to: Robot, secret: Secret, clock: Clock
    ) -> tuple[str, Mapping[str, Any]]:
        """Where to send what; signed where there is a ``secret``. ``clock`` is the real one."""


def text_of(notice: Notice, bytes_most: int, size: Callable[[str], int] = utf8) -> str:
    """Title and text within so many bytes; the line with the link stays. Empty without words."""
    lines = [line for line in (notice.title, *notice.text.splitlines()) if line.strip()]
    words = "\n".join(harmless(line, notice.link) for line in lines)
    return fitted(words, bytes_most, size, tail_of(notice, lines))


def tail_of(notice: Notice, lines: Sequence[str]) -> str:
    """The last line where it holds the notice's link, which stays whatever is cut; else ""."""
    return lines[-1] if lines and notice.link and notice.link in lines[-1] else ""


def harmless(line: str, link: str) -> str:
    """Signs that a robot takes for markup or a mention, as their full-width twins."""
    if not link or link not in line:
        return line.translate(_TWINS)
    return link.join(part.translate(_TWINS) for part in line.split(link))
