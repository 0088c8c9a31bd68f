"""What an incident's newest state has made stale in the outbox: not sent yet, and not worth sending."""

from datetime import datetime

from sqlalchemy import Connection, and_, exists, select, update

from alerts.incidents.model import Incident, State
from alerts.notify.delays import BY_NEWER
from alerts.notify.limits import ABOUT
from alerts.notify.notice import TELLING, NoticeReason, NoticeState
from alerts.store import tables as t
from alerts.store.telling import UNHEARD, UNSENT
from alerts.words import IncidentClass

_AFTER = (NoticeReason.RECOVERED, NoticeReason.SECOND_LOOK)
_MACHINES = [kind.value for kind, about in ABOUT.items() if not about.is_paced]


def is_worth_a_last_word(incident: Incident) -> bool:
    """Whether somebody who heard nothing of it shall hear that it is over.

    What can wait for the day and has gone by itself, a false alarm, a drill: nothing to do, and
    nothing to know.
    """
    return not (incident.cls is IncidentClass.UPKEEP or incident.false_alarm or incident.is_drill)


def overtake(
    connection: Connection,
    before: Incident,
    incident: Incident,
    fresh: tuple[NoticeReason, ...],
    now: datetime,
) -> None:
    """After a change; ``fresh`` are the reasons that are told with it.

    What keeps coming and going is not over until it is calm.
    """
    stale: tuple[NoticeReason, ...] = ()
    is_judged = incident.false_alarm and not before.false_alarm
    is_back = before.seen_on_site and not incident.seen_on_site  # the rule sees it again
    is_same = (incident.state, incident.flapping) == (before.state, before.flapping)
    if (is_same and not (is_judged or is_back)) or (
        incident.flapping and incident.state is State.RECOVERED
    ):
        return
    if incident.state is State.RECOVERED:
        stale = TELLING
    elif incident.state is State.CLOSED:
        stale = (*TELLING, *_AFTER)
    elif is_judged:
        stale = TELLING  # the rule still says so, and nobody shall go for that
    elif before.state is State.RECOVERED or is_back:
        stale = _AFTER
    reasons = [reason.value for reason in stale if reason not in fresh]
    if not reasons:
        return
    n = t.notice.c
    gone = {"state": NoticeState.OVERTAKEN.value, "settled_at": now, "detail": BY_NEWER}
    connection.execute(
        update(t.notice)
        .where(n.incident == incident.id, n.state.in_(UNSENT), n.reason.in_(reasons))
        .values(gone)
    )
    if incident.state is not State.RECOVERED:
        return
    # Whoever hears of it only now reads one message: to look again says that it is over.
    other = t.notice.alias("other")
    theirs = and_(other.c.incident == incident.id, other.c.person == n.person)
    look = and_(
        other.c.channel == n.channel,
        other.c.to == n.to,
        other.c.reason == NoticeReason.SECOND_LOOK.value,
    )
    told = [reason.value for reason in TELLING]
    connection.execute(
        update(t.notice)
        .where(n.incident == incident.id, n.state.in_(UNSENT))
        .where(n.reason == NoticeReason.RECOVERED.value, n.channel.not_in(_MACHINES))
        .where(exists(select(other.c.id).where(theirs, look, other.c.state.in_(UNSENT))))
        .where(
            ~exists(
                select(other.c.id).where(
                    theirs, other.c.reason.in_(told), other.c.state.not_in(UNHEARD)
                )
            )
        )
        .values(gone)
    )
