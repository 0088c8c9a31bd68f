"""ntfy: a push message to a topic, published as JSON, since headers hold no Chinese.

``to`` is ``https://host/topic``; the topic is as good as a password, so it may be a reference.
``secret`` is an access token.
"""

import json
from urllib.parse import urlsplit

from alerts.notify.answers import Hide, garbage, hiding, post_json, refusal
from alerts.notify.cutting import cut_bytes, fitted, utf8
from alerts.notify.limits import ABOUT
from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.robot import tail_of
from alerts.registry.addresses import is_abroad
from alerts.registry.model import ChannelKind
from alerts.secrets import SecretError, resolve
from alerts.words import IncidentClass, Severity
from edge.clock import Clock

TITLE_MOST = 250  # bytes
WORDS_MOST = ABOUT[ChannelKind.NTFY].bytes_most
_PRIORITIES = {Severity.CRITICAL: 5, Severity.MAJOR: 4, Severity.MINOR: 3, Severity.INFO: 2}
_TAGS = {Severity.CRITICAL: "rotating_light", Severity.MAJOR: "warning"}
_REMEDY = "the address's secret is no token that may write to this topic"
_OVER = frozenset({NoticeReason.RECOVERED, NoticeReason.CLOSED})


class Ntfy:
    """The channel ``ntfy``. A server outside the country is refused unless ``abroad``."""

    def __init__(self, outbound: Outbound, clock: Clock, *, abroad: bool = False) -> None:
        self._outbound = outbound
        self._clock = clock
        self._abroad = abroad

    async def send(self, notice: Notice) -> Outcome:
        try:
            to, token = resolve(notice.address.to), resolve(notice.address.secret)
        except SecretError as error:
            return Retry(str(error))
        url = urlsplit(to.reveal())
        server, _, topic = url.path.rpartition("/")
        if not url.netloc or not topic:
            return Rejected("no topic; write https://host/topic")
        if is_abroad(to.reveal()) and not self._abroad:
            return Rejected(
                f"{url.hostname} is outside the country; set notices.abroad to allow it"
            )
        hide = hiding(to.reveal(), topic, token.reveal())
        headers = {"Authorization": f"Bearer {token.reveal()}"} if token else {}
        message = _message(notice, topic)
        if not message["message"]:
            return Rejected("a notice without words")
        there = f"{url.scheme}://{url.netloc}{server}/"
        answer = await post_json(self._outbound, there, message, hide, headers)
        if not isinstance(answer, Answer):
            return answer
        outcome = refusal(answer, self._clock, hide) or _kept(answer, self._clock, hide)
        if answer.status in (401, 403) and isinstance(outcome, Rejected):
            return Rejected(f"{outcome.why}; {_REMEDY}")
        return outcome

    async def close(self) -> None:
        await self._outbound.close()


def _message(notice: Notice, topic: str) -> dict[str, object]:
    lines = [line for line in notice.text.splitlines() if line.strip()] or [notice.title.strip()]
    link = notice.link if notice.link.startswith(("https://", "http://")) else ""
    message: dict[str, object] = {
        "topic": topic,
        "title": cut_bytes(" ".join(notice.title.split()), TITLE_MOST),
        "message": fitted("\n".join(lines), WORDS_MOST, utf8, tail_of(notice, lines)),
        "priority": 3 if notice.reason in _OVER else _PRIORITIES[notice.severity],
        "tags": [_tag(notice)],
    }
    if link:
        message["click"] = link
    return message


def _tag(notice: Notice) -> str:
    if notice.reason in _OVER:
        return "white_check_mark"
    if notice.cls is IncidentClass.FIRE:
        return "fire"
    return _TAGS.get(notice.severity, "information_source")


def _kept(answer: Answer, clock: Clock, hide: Hide) -> Outcome:
    """The server shows the message that it keeps, with its id."""
    try:
        kept = json.loads(answer.body)
    except (ValueError, RecursionError):
        kept = None
    if isinstance(kept, dict) and isinstance(kept.get("id"), str) and kept["id"]:
        return Accepted(f"id {kept['id']}"[:100])
    return garbage(answer, clock, hide)
