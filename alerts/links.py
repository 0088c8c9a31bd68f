"""Signed links in notices: bound to a person, an incident and a time; one table says what each may.

A token is ``kind.incident.person.time.signature``; ids have no full stop. It opens nothing but its
one incident, until a day after that has closed. A code, for an SMS, stands for a notice's token.
"""

import hashlib
import hmac
import re
from base64 import urlsafe_b64encode
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

from alerts.incidents.model import Incident
from edge.contract.ids import is_id

AFTER_CLOSE = timedelta(hours=24)  # the second look and a last word; then it is history
LONGEST = timedelta(days=30)  # since it was made, whatever becomes of the incident
PREFIX = "/l/"
CODE_SIGNS = 16  # 96 bits of the signature
CODE = r"n([1-9][0-9]{0,17})\.[A-Za-z0-9_-]{16}"
_CODE = re.compile(CODE, re.ASCII)
_MASK = re.compile(r"(/l/)[A-Za-z0-9._~-]+")


class LinkKind(StrEnum):
    PERSONAL = "personal"
    GROUP = "group"


class Deed(StrEnum):
    LOOK = "look"
    OPENED = "opened"
    TAKE_OVER = "take-over"
    DECLINE = "decline"
    COMMENT = "comment"
    FALSE_ALARM = "false-alarm"
    LOOK_AGAIN = "look-again"
    SNOOZE = "snooze"
    ASK_FOR_OWN = "ask-for-own"


MAY: dict[LinkKind, frozenset[Deed]] = {
    LinkKind.PERSONAL: frozenset(Deed) - {Deed.ASK_FOR_OWN},
    # Whoever reads a group may be anybody: acting takes a link of one's own, sent to one's own address.
    LinkKind.GROUP: frozenset({Deed.LOOK, Deed.ASK_FOR_OWN}),
}
MEANINGS: dict[Deed, str] = {
    Deed.LOOK: "see the incident and what was done; no phone numbers but the one in the message",
    Deed.OPENED: "count as opened: said by the page's script once it is seen, never by fetching it",
    Deed.TAKE_OVER: "take it over",
    Deed.DECLINE: "say that one cannot come (去不了), also after taking over: the next tier is asked at once",
    Deed.COMMENT: "add a line",
    Deed.FALSE_ALARM: "judge it a false alarm, with the reason",
    Deed.LOOK_AGAIN: "confirm the second look, or say that it is still there",
    Deed.SNOOZE: "no notices of it to oneself for an hour",
    Deed.ASK_FOR_OWN: "say who is there: a link of one's own goes to one's own address",
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Link:
    """``made_at`` in whole seconds."""

    kind: LinkKind
    incident: int
    person: str
    made_at: datetime


class Links:
    """Signs and reads tokens with one key, which never leaves it."""

    def __init__(self, key: bytes) -> None:
        if len(key) < 16:
            raise ValueError("a key of links has 16 bytes at least")
        self._key = key

    def __repr__(self) -> str:
        return "Links(***)"

    def sign(self, link: Link) -> str:
        """The token."""
        if not is_id(link.person):
            raise ValueError(f"{link.person!r} is no person's id")
        made_s = int(link.made_at.timestamp())
        body = f"{link.kind.value}.{link.incident}.{link.person}.{made_s}"
        return f"{body}.{self._signature(body)}"

    def read(self, token: str) -> Link | None:
        """What a token says; None when it is none of ours."""
        body, _, signature = token.rpartition(".")
        if not body.isascii() or not signature.isascii():
            return None
        if not hmac.compare_digest(self._signature(body), signature):
            return None
        kind, incident, person, made_s = body.split(".")
        return Link(
            kind=LinkKind(kind),
            incident=int(incident),
            person=person,
            made_at=datetime.fromtimestamp(int(made_s), UTC),
        )

    def code(self, notice: int) -> str:
        """A token for where 35 characters must do: it leads to that notice's own link."""
        return f"n{notice}.{self._signature(f'notice:{notice}')[:CODE_SIGNS]}"

    def notice_of(self, token: str) -> int | None:
        """Whose code it is; None when it is none of ours."""
        found = _CODE.fullmatch(token)
        if found is None or not hmac.compare_digest(self.code(int(found[1])), token):
            return None
        return int(found[1])

    def _signature(self, body: str) -> str:
        # The first word keeps a key that signs something else one day from signing links.
        digest = hmac.new(self._key, b"link:" + body.encode(), hashlib.sha256).digest()
        return urlsafe_b64encode(digest[:18]).decode()


def is_good(link: Link, incident: Incident | None, now: datetime) -> bool:
    """Whether it still opens its incident."""
    if incident is None or incident.id != link.incident or now - link.made_at >= LONGEST:
        return False
    return incident.closed_at is None or now - incident.closed_at < AFTER_CLOSE


def masked(text: str) -> str:
    """``text`` without the tokens of links in it."""
    return _MASK.sub(r"\1…", text)
