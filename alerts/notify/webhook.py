"""Webhook: a notice as signed JSON over HTTP.

A receiver checks ``X-Shouwang-Signature: sha256=<hex>`` with HMAC-SHA256 over the timestamp's
digits, a full stop and the body as received; the timestamp bounds replays; ``Idempotency-Key``
is the same for each attempt of one notice.
"""

import hashlib
import hmac
import json
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from email.utils import parsedate_to_datetime

from alerts.notify.notice import Notice
from alerts.notify.outbound import Answer, Outbound, Refused, Unreachable
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.secrets import SecretError, resolve
from edge.clock import Clock
from edge.contract.secret import Secret

WAIT_MOST = timedelta(hours=1)  # a longer Retry-After would bury a danger
REAL = Clock()  # dates of other people's servers are in real time
_LATER = frozenset({408, 425, 429})
_WORDS_MOST = 200  # characters of an answer kept as the reason


class Webhook:
    """The channel ``webhook``. Closes the outbound client it was given."""

    def __init__(self, outbound: Outbound, clock: Clock) -> None:
        self._outbound = outbound
        self._clock = clock

    async def send(self, notice: Notice) -> Outcome:
        try:
            url, key = resolve(notice.address.to), resolve(notice.address.secret)
        except SecretError as error:
            return Retry(str(error))
        body = payload(notice)
        now = self._clock.now()
        stamp = str(int(now.timestamp()))
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "shouwang",
            "Idempotency-Key": str(notice.id),
            "X-Shouwang-Timestamp": stamp,
        }
        if key:
            headers["X-Shouwang-Signature"] = signature(key, stamp, body)
        try:
            answer = await self._outbound.post(url.reveal(), body, headers)
        except Refused as error:
            return Rejected(str(error))
        except Unreachable as error:
            return Retry(str(error))
        return self._outcome(answer, url, key)

    async def close(self) -> None:
        await self._outbound.close()

    def _outcome(self, answer: Answer, url: Secret, key: Secret) -> Outcome:
        if 200 <= answer.status < 300:
            return Accepted(f"HTTP {answer.status}")
        said = "".join(
            sign if sign.isprintable() else " "
            for sign in answer.body[: 4 * _WORDS_MOST].decode(errors="replace")
        )
        why = key.mask(url.mask(f"HTTP {answer.status} {said[:_WORDS_MOST]}".strip()))
        if answer.status in _LATER or answer.status >= 500:
            after = retry_after(answer.headers, REAL.now())
            # The other side counts real seconds; the outbox counts house seconds.
            return Retry(why, after * self._clock.speed if after is not None else None)
        return Rejected(why)


def payload(notice: Notice) -> bytes:
    """The JSON body: the same bytes for each attempt."""
    return json.dumps(
        {
            "id": notice.id,
            "incident": notice.incident,
            "reason": notice.reason.value,
            "step": notice.step,
            "person": notice.person,
            "group": notice.address.group,
            "language": notice.language.value,
            "class": notice.cls.value,
            "severity": notice.severity.name.lower(),
            "title": notice.title,
            "text": notice.text,
            "link": notice.link,
            "created_at": notice.created_at.isoformat(),
        },
        ensure_ascii=False,
    ).encode()


def signature(key: Secret, stamp: str, body: bytes) -> str:
    """``sha256=<hex>`` over ``stamp.body``."""
    digest = hmac.new(key.reveal().encode(), f"{stamp}.".encode() + body, hashlib.sha256)
    return f"sha256={digest.hexdigest()}"


def retry_after(headers: Mapping[str, str], now: datetime) -> timedelta | None:
    """The wish of a Retry-After header (RFC 9110 10.2.3: seconds or a date), at most an hour."""
    text = next((v for k, v in headers.items() if k.lower() == "retry-after"), "").strip()
    if text.isascii() and text.isdigit():
        return min(timedelta(seconds=int(text[:9])), WAIT_MOST)
    try:
        at = parsedate_to_datetime(text)
    except (ValueError, TypeError):
        return None
    if at.tzinfo is None:
        at = at.replace(tzinfo=UTC)
    return min(max(at - now, timedelta(0)), WAIT_MOST)
