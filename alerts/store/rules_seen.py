"""What the operations database knows of the rules: how far they had come, and what stands."""

from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from alerts.rules.inputs import Stands
from alerts.store import tables as t
from alerts.words import Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class RulesSeen:
    """``position`` is the last of this journal that brought a transition, ``seen_ms`` when the last
    transition of any was seen (0: none ever); ``is_other`` when that one was of another journal."""

    position: int = 0
    seen_ms: int = 0
    is_other: bool = False
    stands: tuple[Stands, ...] = ()
    """What each rule has said last of subjects with an open incident, where that was no all-clear."""


def rules_seen(connection: Connection, journal: str) -> RulesSeen:
    c = t.transition.c
    newest = connection.execute(select(c.journal, c.seen_ms).order_by(c.id.desc()).limit(1)).first()
    if newest is None:
        return RulesSeen()
    last = select(func.max(c.position)).where(c.journal == journal)
    return RulesSeen(
        position=connection.execute(last).scalar() or 0,
        seen_ms=newest.seen_ms,
        is_other=newest.journal != journal,
        stands=tuple(_standing(connection)),
    )


def _standing(connection: Connection) -> list[Stands]:
    c, i = t.transition.c, t.incident.c
    last = (
        select(func.max(c.id))
        .join(t.incident, (i.rule == c.rule) & (i.subject == c.subject) & i.is_open.is_(True))
        .group_by(c.rule, c.subject)
    )
    rows = connection.execute(
        select(t.transition).where(c.id.in_(last), c.change != "cleared").order_by(c.id)
    )
    return [
        Stands(
            rule=row.rule,
            subject=row.subject,
            severity=Severity(row.severity),
            since_ms=row.since_ms,
            cls=row.cls,
            place=row.place,
            port=row.port,
            device=row.device,
        )
        for row in rows
    ]
