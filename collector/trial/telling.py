"""What a ringing of a trial would have told, and whom."""

from datetime import datetime

from alerts.incidents.lifecycle import Event, step
from alerts.incidents.model import Incident
from alerts.incidents.who import consider, tells_at_once
from alerts.messages import notice_words
from alerts.notify.notice import NoticeReason
from alerts.replay import Episode
from alerts.rules.transition import Transition
from alerts.words import NIGHT_CLASSES, Language
from collector.trial.model import Report


def message(episode: Episode, made: Report, language: Language) -> tuple[str, str]:
    """Title and text of the first notice, as it would have been sent."""
    at = made.span.local(episode.raised_ms)
    incident = _incident_of(episode.first, at)
    rule = made.packs.rules.get(episode.rule)
    return notice_words(rule, incident, made.registry, language, NoticeReason.OPENED, "", at)


def told(episode: Episode, made: Report) -> tuple[str, ...] | None:
    """Names of whom it would have told first; None where it waits for the digest or the record."""
    at = made.span.local(episode.raised_ms)
    incident = _incident_of(episode.first, at)
    if not tells_at_once(incident):
        return None
    verdicts = consider(incident, NoticeReason.OPENED, made.registry, at)
    return tuple(one.person.name for one in verdicts if one.reason.told)


def woken(made: Report) -> dict[str, int]:
    """By name, how often somebody would have been woken: by fire, flood and safety at night."""
    found: dict[str, int] = {}
    for card in made.cards:
        for episode, _ in card.pairs:
            first = episode.first
            if (
                first.cls in NIGHT_CLASSES
                and made.span.holds(episode.raised_ms)
                and made.span.is_night(episode.raised_ms)
            ):
                for name in told(episode, made) or ():
                    found[name] = found.get(name, 0) + 1
    return dict(sorted(found.items(), key=lambda one: (-one[1], one[0])))


def _incident_of(first: Transition, at: datetime) -> Incident:
    """The incident that this transition would have opened."""
    change = step(None, Event.HELD, at, transition=first)
    assert change is not None
    return change.incident
