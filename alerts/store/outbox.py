"""The outbox's arithmetic: when a notice is tried again, and when it is given up."""

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from alerts.notify.notice import Notice, NoticeState
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry

FIRST_PAUSE = timedelta(seconds=2)
LONGEST_PAUSE = timedelta(minutes=5)  # a provider's outage ends within minutes, or within hours
GIVE_UP_AFTER = timedelta(hours=24)  # a day later somebody else has long been told
MOST_ATTEMPTS = 20  # with the pauses above a little over an hour of trying


@dataclass(frozen=True, slots=True)
class Settled:
    """The notice after an attempt; ``lost`` when no further attempt will be made."""

    notice: Notice
    lost: bool = False


def settle(notice: Notice, outcome: Outcome, now: datetime, jitter: float) -> Settled:
    """What the outcome makes of the notice. ``jitter`` (0 to 1) adds up to half the pause."""
    tried = replace(notice, attempts=notice.attempts + 1)
    match outcome:
        case Accepted(proof=proof):
            return Settled(replace(tried, state=NoticeState.ACCEPTED, settled_at=now, detail=proof))
        case Rejected(why=why):
            return Settled(_lost(tried, now, why), lost=True)
        case Retry(why=why, after=after):
            if notice.state is NoticeState.OVERTAKEN:
                return Settled(replace(tried, detail=why))
            if tried.attempts >= MOST_ATTEMPTS:
                return Settled(_lost(tried, now, f"given up after {tried.attempts}: {why}"), True)
            if now - notice.created_at >= GIVE_UP_AFTER:
                return Settled(_lost(tried, now, f"given up after a day: {why}"), True)
            due_at = now + (after if after is not None else pause(tried.attempts, jitter))
            return Settled(replace(tried, state=NoticeState.RETRYING, due_at=due_at, detail=why))


def pause(attempts: int, jitter: float) -> timedelta:
    """2 s, 4 s, 8 s, ... up to five minutes, and up to half as much again."""
    doublings: int = 2 ** min(attempts - 1, 16)
    plain = min(FIRST_PAUSE * doublings, LONGEST_PAUSE)
    return plain * (1 + jitter / 2)


def _lost(notice: Notice, now: datetime, why: str) -> Notice:
    return replace(notice, state=NoticeState.REJECTED, settled_at=now, detail=why)
