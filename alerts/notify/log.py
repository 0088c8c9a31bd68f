"""Log: a notice as one structured line, for trying out and for a record without any network."""

import json
import logging

from alerts.links import masked
from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Outcome

log = logging.getLogger("alerts.notices")


class LogLine:
    """The channel ``log``: one JSON object a line, at INFO."""

    async def send(self, notice: Notice) -> Outcome:
        facts = {
            "notice": notice.id,
            "incident": notice.incident,
            "reason": notice.reason.value,
            "step": notice.step,
            "person": notice.person,
            "to": notice.address.to,
            "class": notice.cls.value,
            "severity": notice.severity.name.lower(),
            "title": notice.title,
            "text": masked(notice.text),  # whoever reads a log must not be able to act for others
        }
        # JSON escapes line ends and control signs, so a name cannot forge a second line.
        log.info("%s", json.dumps(facts, ensure_ascii=False))
        return Accepted("logged")

    async def close(self) -> None:
        """Nothing is held."""
