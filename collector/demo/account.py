"""The demo's account: what was measured, what is stored, what was told, and what is missing."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from alerts.incidents.model import Incident
from alerts.notify.notice import Notice, NoticeState
from collector.demo.scenario import Expected

SETTLED = frozenset({NoticeState.ACCEPTED, NoticeState.OPENED, NoticeState.ACKNOWLEDGED})


@dataclass(frozen=True, slots=True, kw_only=True)
class Account:
    """Counts of one run. ``stored`` is counted by asking the store itself."""

    measured: int
    stored: int
    doubles: int
    dead: int
    incidents: int
    notices: int
    received: int
    house_hours: float
    seconds: float
    missing: tuple[str, ...]

    @property
    def ok(self) -> bool:
        """Every reading measured is stored or a dead letter that was counted, and all is there."""
        return self.measured == self.stored and not self.dead and not self.missing

    def rows(self) -> list[tuple[str, str]]:
        """The table that ``--once`` prints."""
        return [
            ("readings measured by the devices", f"{self.measured:,}"),
            ("readings in the store, by its own count", f"{self.stored:,}"),
            ("doubles known and dropped", f"{self.doubles:,}"),
            ("dead letters", f"{self.dead:,}"),
            ("incidents", f"{self.incidents:,}"),
            ("notices accepted by their channels", f"{self.notices:,}"),
            ("different messages in the demo's inboxes", f"{self.received:,}"),
            ("house time played, hours", f"{self.house_hours:.1f}"),
            ("real time, seconds", f"{self.seconds:.1f}"),
        ]


def missing(
    expected: Sequence[Expected],
    incidents: Sequence[Incident],
    notices: Sequence[Notice],
    now: datetime,
) -> tuple[str, ...]:
    """What the script promises and the house has not done by ``now``, as sentences."""
    found = []
    for wish in expected:
        ids = {
            incident.id
            for incident in incidents
            if incident.rule == wish.rule and str(incident.subject) == wish.subject
        }
        if not ids:
            found.append(f"no incident of {wish.rule} on {wish.subject}")
            continue
        told = {
            notice.person
            for notice in notices
            if notice.incident in ids and notice.state in SETTLED
        }
        found += [
            f"{person} was not told of {wish.rule} on {wish.subject}"
            for person in wish.told
            if person not in told
        ]
    late = [
        notice
        for notice in notices
        if notice.state not in SETTLED | {NoticeState.OVERTAKEN}
        and not (notice.state is NoticeState.WAITING and notice.due_at > now)  # for the morning
    ]
    found += [
        f"notice {notice.id} to {notice.person} is {notice.state.value}: {notice.detail}"
        for notice in late
    ]
    return tuple(found)
