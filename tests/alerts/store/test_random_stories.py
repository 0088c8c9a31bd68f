"""Whatever happens in whatever order: what the documents promise holds. A failing story is its seed."""

import random
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest

from alerts.incidents import climb, who
from alerts.incidents.acts import Done
from alerts.incidents.duties import SecondLook
from alerts.incidents.model import DutyKind, Incident, State
from alerts.incidents.silences import Silence, muted_by
from alerts.notify.notice import CALLING, TELLING, Notice, NoticeReason
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.registry.model import PostRole
from alerts.rules.transition import SOURCE, UNTRUSTED, Change
from alerts.store.operations import Operations
from alerts.store.telling import UNSENT
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import NOW, REACH, REGISTRY, SHED, says
from tests.alerts.store.conftest import PACKS

MINUTE, HOUR = timedelta(minutes=1), timedelta(hours=1)
RULES = [
    ("charging.feeder", SHED, "shed-1", IncidentClass.FIRE),
    ("another", SHED, "shed-1", IncidentClass.SAFETY),
    ("eb-mains", SHED, "shed-1", IncidentClass.UPKEEP),
    ("eb-no-volts", SHED, "shed-1", IncidentClass.UPKEEP),
    ("river.ammonia", REACH, "laobakou", IncidentClass.POLLUTION),
    ("river.level", REACH, "laobakou", IncidentClass.FLOOD),
]
PEOPLE = [person.id for person in REGISTRY.people]
STEPS = ["rule"] * 8 + ["wait"] * 6 + ["act"] * 6 + ["quiet"] * 2 + ["people", "channel"]
OUTCOMES: tuple[Outcome, ...] = (Accepted(), Retry("away"), Rejected("unknown"))
OVER = (NoticeReason.RECOVERED, NoticeReason.CLOSED, NoticeReason.REMINDER, NoticeReason.HUSHED)


class Story:
    """One community, its dangers and its people, by dice."""

    def __init__(self, operations: Operations, seed: int) -> None:
        self.operations, self.dice = operations, random.Random(seed)
        self.now, self.position = NOW, 0
        self.raised: dict[int, Severity] = {}
        self.outcomes: dict[str, Outcome] = {}
        self.told: Counter[tuple[object, ...]] = Counter()

    def rule(self, n: int | None = None) -> None:
        n = self.dice.randrange(len(RULES)) if n is None else n
        name, subject, place, cls = RULES[n]
        worse = self.dice.choice([Severity.MAJOR, Severity.CRITICAL])
        change = Change.RAISED
        if n in self.raised:
            change = self.dice.choice([Change.SEVERITY, Change.CLEARED, Change.CLEARED])
        source = {SOURCE: UNTRUSTED} if self.dice.random() < 0.2 else {}
        self.position += 1
        word = says(self.position, change, after=self.now - NOW, rule=name, subject=subject,
                    place=place, cls=cls, severity=worse, facts=source)  # fmt: skip
        self.operations.take([word, word], PACKS, self.now)
        self.raised[n] = worse
        if change is Change.CLEARED:
            del self.raised[n]

    def wait(self, span: timedelta | None = None) -> None:
        span = span or self.dice.choice([MINUTE, 6 * MINUTE, 31 * MINUTE, 5 * HOUR, 13 * HOUR])
        for _ in range(6):
            self.now += span / 6
            self.live()

    def live(self) -> None:
        """What the house does all the time."""
        while self.operations.climb(self.now):
            pass
        self.operations.remind(self.now)
        while due := self.operations.due(self.now, 50):
            for notice in due:
                outcome = self.outcomes.get(notice.address.to, Accepted())
                if isinstance(outcome, Accepted):
                    self.hears(notice)
                self.operations.settle(notice.id, outcome, self.now)
        self.holds()

    def act(self) -> None:
        """One of what people do about an incident; what is refused is refused."""
        operations, now, person = self.operations, self.now, self.dice.choice(PEOPLE)
        duties = operations.duties(open=True)
        known = operations.incidents(open=True)
        if duties and self.dice.random() < 0.4:
            duty = self.dice.choice(duties)
            if duty.kind is DutyKind.SECOND_LOOK:
                outcome = self.dice.choice(list(SecondLook))
                operations.confirm_second_look(duty.id, person, outcome, "", now)
            else:
                operations.called_on(duty.id, person, "not-content", "", now)
        elif known:
            id, other = self.dice.choice(known).id, self.dice.choice(PEOPLE)
            self.dice.choice(
                [
                    lambda: operations.acknowledge(id, person, "desk", now),
                    lambda: self.give(id, person, other),
                    lambda: operations.decline(id, person, "link", now),
                    lambda: operations.false_alarm(id, person, "试机", "desk", now),
                    lambda: operations.close_incident(id, person, "", "desk", now),
                    lambda: operations.record_report(id, person, "王", "", "", "desk", now),
                ]
            )()

    def give(self, id: int, giver: str, to: str) -> None:
        done = self.operations.assign(id, giver, to, "desk", self.now)
        if isinstance(done, Done) and done.incident.assigned:
            notices = self.operations.notices(incident=id, limit=1000)
            given = [n for n in notices if n.reason is NoticeReason.ASSIGNED and n.person == to]
            assert any(n.created_at == self.now or n.state in UNSENT for n in given), "untold"

    def quiet(self) -> None:
        person, until = self.dice.choice(PEOPLE), self.now + self.dice.randrange(1, 9) * HOUR
        standing = self.operations.silences(now=self.now)
        if standing and self.dice.random() < 0.6:
            self.operations.end_silence(standing[0].id, person, self.now)
        elif self.dice.random() < 0.5:
            self.operations.snooze(person, None, until, self.now)
        else:
            wish = Silence(id=0, site="riverside", since=self.now, until=until, who=person, why="检修",
                           place=self.dice.choice(["shed-1", "laobakou"]), made_at=self.now)  # fmt: skip
            self.operations.silence(wish, self.now)

    def people(self) -> None:
        """Somebody has another address, has left, or is back."""
        changed = self.dice.choice(REGISTRY.people)
        moved = tuple(replace(one, to=one.to + "x") for one in changed.addresses)
        others = tuple(one for one in REGISTRY.people if one != changed)
        people = self.dice.choice(
            [REGISTRY.people, others, (*others, replace(changed, addresses=moved))]
        )
        self.operations.save_registry(replace(REGISTRY, people=people), "x", "y", self.now)

    def channel(self) -> None:
        to = self.dice.choice([one.to for each in REGISTRY.people for one in each.addresses])
        self.outcomes[to] = self.dice.choice(OUTCOMES)

    # -- what is promised ------------------------------------------------------------------------

    def hears(self, notice: Notice) -> None:
        """A channel takes it now."""
        registry = self.operations.registry()
        person = next(one for one in registry.people if one.id == notice.person)
        assert notice.address in person.addresses, "an address that has left"
        zone = who.zone_of(person.site, registry)
        assert who.quiet_until(person, notice.cls, zone, self.now) is None, "in quiet hours"
        is_volunteer = person.role is PostRole.RIVER_CHIEF
        assert not (is_volunteer and notice.reason is NoticeReason.REMINDER), "a volunteer"
        incident = self.operations.incident(notice.incident)
        assert incident is not None
        if incident.state is State.CLOSED:
            assert notice.reason in OVER, "of what is closed"
        if incident.state is State.RECOVERED and not incident.flapping:
            assert notice.reason not in TELLING, "of what is over"
        if notice.reason in CALLING and notice.reason is not NoticeReason.SEVERITY:
            call = (incident.id, incident.relapses, notice.person)
            self.told[call] += 1
            assert self.told[call] == 1, "told twice"

    def holds(self) -> None:
        """What is true at any time."""
        found = self.operations.incidents(open=True, limit=1000)
        assert len({(one.rule, one.subject) for one in found}) == len(found)
        assert len(self.operations.transitions()) == self.position
        registry = self.operations.registry()
        silences = self.operations.silences(now=self.now)
        for one in found:
            if one.state is not State.OPEN:
                continue
            if one.muted_until is not None and one.muted_until > self.now:
                assert muted_by(silences, one, registry, self.now), "muted by no silence"
            assert one.next_step_at or one.part_of or self.is_told_to_the_last(one), (
                "nobody is next"
            )

    def is_told_to_the_last(self, one: Incident) -> bool:
        steps = who.tiers_of(one, self.operations.registry())
        if not climb.has_next(one, steps) or climb.wait_of(steps, one.step, one.severity) is None:
            return True
        return any(line.facts.get("people") == "" for line in self.operations.story(one.id))

    def ends(self) -> None:
        """Once all has cleared and people have looked again, nothing is open, and nothing unsent."""
        self.outcomes = {}
        self.operations.save_registry(REGISTRY, "x", "y", self.now)
        for n in list(self.raised):
            while n in self.raised:
                self.rule(n)
        for _ in range(4):
            self.wait(26 * HOUR)
            for duty in self.operations.duties(open=True):
                if duty.kind is DutyKind.SECOND_LOOK:
                    self.operations.confirm_second_look(
                        duty.id, "wen", SecondLook.FINE, "", self.now
                    )
        self.wait(26 * HOUR)
        assert self.operations.open_incidents() == []
        assert self.operations.counts().notices_unsent == 0


@pytest.mark.parametrize("seed", range(10))
def test_what_is_promised_holds_in_a_random_story(operations, seed):
    story = Story(operations, seed)
    for step in story.dice.choices(STEPS, k=30):
        getattr(story, step)()
        story.live()
    story.ends()
