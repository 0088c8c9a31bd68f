"""Alertmanager's webhook body, version 4, for what already hears Prometheus; signed as any webhook.

One incident is one group with one alert: ``groupKey`` and ``fingerprint`` stay the same from the
first notice to the last. ``startsAt`` is when the notice was written. What is neither firing nor
resolved is refused: a second look stands beside either, and a digest is of many.
"""

import hashlib
import json
from datetime import datetime

from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.outcome import Outcome, Rejected
from alerts.notify.parts import NOTHING, parts_of
from alerts.notify.webhook import Webhook

_OVER = frozenset({NoticeReason.RECOVERED, NoticeReason.CLOSED})
_FOR_PEOPLE = frozenset(
    {
        NoticeReason.SECOND_LOOK,
        NoticeReason.REMINDER,
        NoticeReason.DIGEST,
        NoticeReason.LINK,
    }
)
_NEVER = "0001-01-01T00:00:00Z"  # Go's zero time: has not ended


class Alertmanager(Webhook):
    """The channel ``alertmanager``."""

    async def send(self, notice: Notice) -> Outcome:
        if notice.reason in _FOR_PEOPLE:
            return Rejected("Alertmanager knows firing and resolved alone; this one is for people")
        return await super().send(notice)

    @staticmethod
    def payload(notice: Notice) -> bytes:
        parts = parts_of(notice)
        is_over = notice.reason in _OVER
        status = "resolved" if is_over else "firing"
        group = {"incident": str(notice.incident)}
        labels = {
            "alertname": parts.what if parts else NOTHING,
            "class": notice.cls.value,
            "incident": str(notice.incident),
            "place": parts.place if parts else NOTHING,
            "severity": notice.severity.name.lower(),
        }
        annotations = {"summary": notice.title, "description": notice.text}
        alert = {
            "status": status,
            "labels": labels,
            "annotations": annotations,
            "startsAt": _rfc3339(notice.created_at),
            "endsAt": _rfc3339(notice.created_at) if is_over else _NEVER,
            "generatorURL": notice.link,
            "fingerprint": hashlib.sha256(f"shouwang/{notice.incident}".encode()).hexdigest()[:16],
        }
        document = {
            "version": "4",
            "groupKey": f'{{}}:{{incident="{notice.incident}"}}',
            "truncatedAlerts": 0,
            "status": status,
            "receiver": "shouwang",
            "groupLabels": group,
            "commonLabels": labels,
            "commonAnnotations": annotations,
            "externalURL": notice.link.partition("/incidents")[0],
            "alerts": [alert],
        }
        return json.dumps(document, ensure_ascii=False).encode(errors="replace")


def _rfc3339(at: datetime) -> str:
    return at.isoformat()
