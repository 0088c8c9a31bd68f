"""Webhook: a notice as signed JSON over HTTP.

A receiver checks ``X-Shouwang-Signature: sha256=<hex>`` with HMAC-SHA256 over the timestamp's
digits, a full stop and the body as received; the timestamp bounds replays; ``Idempotency-Key``
is the same for each attempt of one notice.
"""

import hashlib
import hmac
import json

from alerts.notify.answers import hiding, refusal, send
from alerts.notify.notice import Notice
from alerts.notify.outbound import Answer, Outbound
from alerts.notify.outcome import Accepted, Outcome, Retry
from alerts.secrets import SecretError, resolve
from edge.clock import Clock
from edge.contract.secret import Secret


class Webhook:
    """The channel ``webhook``. Closes the outbound client it was given."""

    def __init__(self, outbound: Outbound, clock: Clock, real: Clock = Clock()) -> None:  # noqa: B008 - frozen
        self._outbound = outbound
        self._clock = clock
        self._real = real

    async def send(self, notice: Notice) -> Outcome:
        try:
            url, key = resolve(notice.address.to), resolve(notice.address.secret)
        except SecretError as error:
            return Retry(str(error))
        body = self.payload(notice)
        stamp = str(self._real.now_ms() // 1000)  # a receiver counts its age on its own clock
        headers = {
            "Content-Type": "application/json",
            "User-Agent": "shouwang",
            "Idempotency-Key": str(notice.id),
            "X-Shouwang-Timestamp": stamp,
        }
        if key:
            headers["X-Shouwang-Signature"] = signature(key, stamp, body)
        hide = hiding(url.reveal(), key.reveal())
        answer = await send(self._outbound, "POST", url.reveal(), body, headers, hide)
        if not isinstance(answer, Answer):
            return answer
        return refusal(answer, self._clock, hide) or Accepted(f"HTTP {answer.status}")

    async def close(self) -> None:
        await self._outbound.close()

    @staticmethod
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
