"""Drills: incidents that go the whole way to real people, marked everywhere, and end by themselves."""

from dataclasses import replace
from datetime import datetime, timedelta

from alerts.incidents import lifecycle
from alerts.incidents.acts import Refusal, Refused
from alerts.incidents.lifecycle import Act, line_of
from alerts.incidents.model import DRILL, Incident, StoryKind
from alerts.registry.model import Place
from alerts.rules.transition import Change as RuleChange
from alerts.rules.transition import Transition
from alerts.store.part import Part
from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject

LONGEST = timedelta(hours=4)


class Drills(Part):
    """A part of ``Operations``; each call is one transaction."""

    def open_drill(
        self,
        place: Place,
        rule: str,
        cls: IncidentClass,
        severity: Severity,
        lasts: timedelta,
        who: str,
        why: str,
        now: datetime,
    ) -> Incident | Refused:
        """As if ``rule`` had raised at ``place``. A real incident of the same rule stays apart."""
        if not why.strip() or not who.strip():
            return Refused(Refusal.NO_WORDS)
        if not timedelta(0) < lasts <= LONGEST:
            return Refused(Refusal.NO_SUCH_TIME)
        now_ms = int(now.timestamp() * 1000)
        subject = Subject.of_place(place.site, place.id)
        raised = Transition(
            rule=DRILL + rule,
            subject=subject,
            journal=DRILL,
            position=0,
            nth=0,
            change=RuleChange.RAISED,
            cls=cls,
            severity=severity,
            at_ms=now_ms,
            since_ms=now_ms,
            seen_ms=now_ms,
            place=place.id,
        )
        change = lifecycle.step(None, lifecycle.Event.HELD, now, transition=raised)
        assert change is not None  # the table's first row
        with self._database.write() as connection:
            registry = self._registry(connection)
            if place not in registry.places:
                return Refused(Refusal.UNKNOWN_PLACE)
            if self._open_of(connection, raised.rule, subject) is not None:
                return Refused(Refusal.DRILL_UNDER_WAY)
            incident = replace(change.incident, drill_until=now + lasts)
            begun = line_of(StoryKind.DRILL, now, Act(who=who, origin="command", note=why.strip()))
            change = replace(change, incident=incident, story=(begun, *change.story))
            return self._apply(connection, None, change, registry, now)
