"""Writing down who is told: considered rows, and notices with their words fixed."""

import logging
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any, Protocol

from sqlalchemy import Connection, func, insert, select, update

from alerts.incidents import who
from alerts.incidents.climb import Before
from alerts.incidents.model import Incident, StoryKind, StoryLine
from alerts.incidents.roster import Roster
from alerts.incidents.silences import Silence, snoozed_until
from alerts.links import PREFIX, Link, LinkKind, Links
from alerts.notify.delays import BY_NEWER
from alerts.notify.notice import CALLING, TELLING, NoticeReason, NoticeState
from alerts.phrases import DRILL_MARK
from alerts.registry.model import Address, ChannelKind, Person, Registry
from alerts.speech import bounded, spoken_words
from alerts.store import tables as t
from alerts.store.browser_rows import InBrowsers, in_browsers, reachable
from alerts.store.incident_rows import considered_row, notice_row_anew, story_row
from alerts.store.who_rows import handed, snoozes_of
from alerts.words import Language

log = logging.getLogger("alerts.store")

_SAID_BY_SILENCE = (NoticeReason.RECOVERED, NoticeReason.CLOSED)
_ANNOUNCED = (*CALLING, NoticeReason.SECOND_LOOK)
UNSENT = (NoticeState.WAITING.value, NoticeState.RETRYING.value)

_CALLS = [reason.value for reason in CALLING]
_CLIMBED_TO = [
    reason.value
    for reason in (
        who.Reason.TIER, who.Reason.STAND_IN, who.Reason.ON_ROTA, who.Reason.SUBSCRIBED
    )
]  # fmt: skip
# Whoever heard of it by its end alone hears how that went on, and is called as if told nothing.
_HEARD = (*TELLING, NoticeReason.RECOVERED, NoticeReason.SECOND_LOOK)
UNHEARD = (NoticeState.REJECTED.value, NoticeState.OVERTAKEN.value)

Words = Callable[..., tuple[str, str]]
"""``alerts.messages.notice_words``."""


class Rulebook(Protocol):
    """What of ``alerts.rules.packs.Packs`` is read here."""

    @property
    def rules(self) -> Mapping[str, Any]: ...


class Teller:
    """Tells the people of one incident for one reason, inside the caller's transaction."""

    def __init__(self, words: Words, link_base: str, links: Links | None = None) -> None:
        self._words = words
        self._links = links
        self._link_base = link_base.rstrip("/")

    def tell(
        self,
        connection: Connection,
        incident: Incident,
        reason: NoticeReason,
        registry: Registry,
        rulebook: Rulebook | None,
        now: datetime,
        silence: Silence | None = None,
        verdicts: Sequence[who.Verdict] | None = None,
    ) -> datetime | None:
        """Write it all down (a ``silence`` tells nobody); when the first of the incident's tier is told, if any is.

        Without ``verdicts`` it is decided here who is told.
        """
        is_first = _is_first(incident, reason)  # nobody has its words yet
        browsers = in_browsers(connection)
        if verdicts is None:
            verdicts = self.verdicts(connection, incident, reason, registry, now, silence, browsers)
        rule = rulebook.rules.get(incident.words_of) if rulebook else None
        before = self._before(connection, incident, reason, registry, now)
        known = {} if is_first else self._addresses_told(connection, incident, reason)
        anew: dict[int, dict[str, Any]] = {}  # nobody has heard these yet
        taken: set[tuple[str, str]] = set()
        rows: list[dict[str, Any]] = []
        told: list[str] = []
        for verdict in verdicts:
            if verdict.due_at is None:
                continue
            if verdict.reason is not who.Reason.SNOOZED:
                told.append(verdict.person.id)
            address = who.addresses_for(verdict.person, reason)[0]
            if address.channel is ChannelKind.ANNOUNCER and reason in _SAID_BY_SILENCE:
                continue  # ``hush`` tells it
            step = _step_of(verdict, incident, reason)
            there = (address.channel.value, address.to)
            had = known.get((*there, step))
            is_given_anew = reason is NoticeReason.ASSIGNED and had and had.state not in UNSENT
            if there in taken or (had and had.state not in UNHEARD and not is_given_anew):
                continue  # two people behind one group address: one message
            taken.add(there)
            row = self.row(incident, reason, verdict.person, address, registry, rule, now, before)
            row |= {"due_at": verdict.due_at, "step": step}
            if had and is_given_anew:
                rows.append(row | {"level": had.level + 1})
            elif had:
                anew[had.id] = row | {"settled_at": None}
            else:
                rows.append(row)
        # Besides, each of their browsers. No climb waits for it, and nothing follows if it fails.
        for person, due_at in _heard(verdicts, incident, registry, now):
            for address in browsers.get(person.id, ()):
                there = (address.channel.value, address.to)
                if there in taken or (*there, who.BESIDE) in known:
                    continue
                taken.add(there)
                row = self.row(incident, reason, person, address, registry, rule, now, before)
                rows.append(row | {"due_at": due_at, "step": who.BESIDE})
        _consider(connection, incident, verdicts, now)
        if reason in CALLING and not is_first:
            _overtake_quiet(connection, [*rows, *anew.values()], now)
        if rows:
            connection.execute(insert(t.notice), rows)
        for id, row in anew.items():
            connection.execute(update(t.notice).where(t.notice.c.id == id).values(row))
        if told:
            facts: dict[str, float | str] = {
                "reason": reason.value,
                "step": incident.step,
                "people": ", ".join(told),
            }
            line = StoryLine(at=now, kind=StoryKind.TOLD, facts=facts)
            connection.execute(insert(t.story), story_row(incident.id, line))
        # Whoever wants no notices for a while answers none: the next are asked at once.
        due = (
            v.due_at
            for v in verdicts
            if v.due_at is not None
            and v.step == incident.step
            and v.reason is not who.Reason.SNOOZED
        )
        return min(due, default=None)

    def withhold(
        self,
        connection: Connection,
        incident: Incident,
        reason: NoticeReason,
        registry: Registry,
        now: datetime,
        why: who.Reason,
    ) -> None:
        """Record for everybody whose turn it would be why they are not told."""
        verdicts = who.consider(
            incident,
            reason,
            registry,
            now,
            self.history(connection, incident),
            who.Quiet(muted=why),
        )
        _consider(connection, incident, verdicts, now)

    def verdicts(
        self,
        connection: Connection,
        incident: Incident,
        reason: NoticeReason,
        registry: Registry,
        now: datetime,
        silence: Silence | None = None,
        browsers: InBrowsers | None = None,
    ) -> list[who.Verdict]:
        """Everybody who might be told; nothing is written."""
        is_first = _is_first(incident, reason)  # nobody can have been told before
        roster = Roster(registry=registry, handed=handed(connection))
        if browsers is None:
            browsers = in_browsers(connection)
        lonely = [one.id for one in registry.people if one.is_post and one.id in browsers
                  and roster.holder(one, now) is None]  # fmt: skip
        registry = reachable(registry, browsers, reason, lonely)
        return who.consider(
            incident,
            reason,
            registry,
            now,
            who.History() if is_first else self.history(connection, incident),
            self._quiet(connection, incident, reason, silence, now),
            replace(roster, registry=registry),
        )

    def link_for(self, incident: Incident, person: Person, address: Address, now: datetime) -> str:
        """The signed link of whoever reads this address to the page of one incident."""
        if not incident.id:
            return self.link("/incidents")  # told from memory, not written down yet
        if self._links is None or address.channel is ChannelKind.ANNOUNCER:
            return self.link(f"/incidents/{incident.id}")
        kind = LinkKind.GROUP if address.group else LinkKind.PERSONAL
        signed = Link(kind=kind, incident=incident.id, person=person.id, made_at=now)
        return self.link(PREFIX + self._links.sign(signed))

    def link(self, path: str) -> str:
        """Where a page is found; empty when nobody said where the desk is."""
        return f"{self._link_base}{path}" if self._link_base else ""

    def _quiet(
        self,
        connection: Connection,
        incident: Incident,
        reason: NoticeReason,
        silence: Silence | None,
        now: datetime,
    ) -> who.Quiet:
        snoozes = snoozes_of(connection, now)
        ends = {
            person: until
            for person in {one.person for one in snoozes}
            if (until := snoozed_until(snoozes, person, incident, reason, now)) is not None
        }
        return who.Quiet(muted=silence.kind.reason if silence else None, snoozed=ends)

    def hush(self, connection: Connection, incident: Incident, now: datetime) -> None:
        """Whatever announces this incident falls silent; what has not been said yet never is."""
        n = t.notice.c
        rows = connection.execute(
            select(t.notice)
            .where(n.incident == incident.id, n.channel == ChannelKind.ANNOUNCER.value)
            .order_by(n.id)
        ).all()
        last = {row.to: row for row in rows}
        hushed: dict[str, int] = {}
        for row in rows:
            hushed[row.to] = hushed.get(row.to, 0) + (row.reason == NoticeReason.HUSHED.value)
        for to, row in last.items():
            if row.reason == NoticeReason.HUSHED.value:
                continue
            connection.execute(
                update(t.notice)
                .where(n.incident == incident.id, n.channel == row.channel, n.to == to)
                .where(n.reason.in_([reason.value for reason in _ANNOUNCED]))
                .where(n.state.in_(UNSENT))
                .values(state=NoticeState.OVERTAKEN.value, settled_at=now)
            )
            hush = notice_row_anew(row, now) | {
                "reason": NoticeReason.HUSHED.value,
                "level": hushed[to],  # each is news of its own: it may have called out again since
                "text": "",
            }
            connection.execute(insert(t.notice), hush)

    def row(
        self,
        incident: Incident,
        reason: NoticeReason,
        person: Person,
        address: Address,
        registry: Registry,
        rule: Any,
        now: datetime,
        before: Before | None = None,
    ) -> dict[str, Any]:
        """An outbox row with its words; ``due_at`` is the caller's."""
        link = self.link_for(incident, person, address, now)
        try:
            title, text = self._words(
                rule,
                incident,
                registry,
                person.language,
                reason,
                link,
                now,
                to=person,
                group=address.group,
                step=incident.step,
                before=before,
            )
        except Exception:  # whatever is wrong with a pack's template, the danger must be told
            log.exception("no words for %s of incident %d", reason, incident.id)
            mark = DRILL_MARK[person.language] if incident.is_drill else ""
            title = f"{mark}{incident.rule} · {incident.subject}"
            text = f"{title} · {incident.severity.name.lower()}\n{link}"
        if address.channel is ChannelKind.ANNOUNCER:
            text = _spoken(rule, incident, registry, reason, title)
        return {
            "incident": incident.id,
            "reason": reason.value,
            "step": incident.step,
            "round": incident.relapses,
            "level": level_of(incident, reason),
            "person": person.id,
            "channel": address.channel.value,
            "to": address.to,
            "is_group": address.group,
            "secret": address.secret,
            "language": person.language.value,
            "cls": incident.cls.value,
            "severity": int(incident.severity),
            "title": title,
            "text": text,
            "link": link,
            "created_at": now,
            "state": NoticeState.WAITING.value,
            "attempts": 0,
            "detail": "",
        }

    def history(self, connection: Connection, incident: Incident) -> who.History:
        n = t.notice.c
        rows = connection.execute(
            select(n.person, n.round, n.state, n.reason, n.created_at)
            .where(n.incident == incident.id)
            .where(n.reason.in_([reason.value for reason in _HEARD]))
        ).all()
        # What never went out has told nobody.
        heard = [row for row in rows if row.state not in UNHEARD]
        told = [row for row in heard if row.reason in TELLING]
        this_round = [row for row in told if row.round == incident.relapses]
        # Whoever shares the address of another has no notice of his own.
        shared = self._told_without(connection, incident, {row.person for row in rows})
        began = min((row.created_at for row in this_round), default=None)
        return who.History(
            ever=frozenset(row.person for row in heard) | frozenset(shared if told else ()),
            this_round=frozenset(row.person for row in this_round)
            | {one for one, at in shared.items() if began is not None and at >= began},
            declined=self.declined(connection, incident),
        )

    def _told_without(
        self, connection: Connection, incident: Incident, known: Collection[str]
    ) -> dict[str, datetime]:
        """Who counts as told, beside those ``known``, and when last."""
        c = t.considered.c
        rows = connection.execute(
            select(c.person, func.max(c.at).label("at"))
            .where(c.incident == incident.id, c.told.is_(True))
            .where(c.reason.in_(_CLIMBED_TO))
            .group_by(c.person)
        )
        return {row.person: row.at for row in rows if row.person not in known}

    def declined(self, connection: Connection, incident: Incident) -> frozenset[str]:
        """Who has said that they cannot come, since it recovered or its tier was told."""
        since = incident.recovered_at or incident.told_at
        return self._declined(connection, incident, since)

    def _declined(
        self, connection: Connection, incident: Incident, since: datetime | None
    ) -> frozenset[str]:
        s = t.story.c
        query = select(s.who).where(s.incident == incident.id)
        query = query.where(s.kind == StoryKind.DECLINED.value)
        if since is not None:
            query = query.where(s.at >= since)
        return frozenset(connection.execute(query).scalars())

    def _before(
        self,
        connection: Connection,
        incident: Incident,
        reason: NoticeReason,
        registry: Registry,
        now: datetime,
    ) -> Before | None:
        """What becomes of those asked before; None where that is no news to whoever is told."""
        if reason not in (NoticeReason.CLIMBED, NoticeReason.ASSIGNED, NoticeReason.SECOND_LOOK):
            return None
        if declined := self._declined(connection, incident, now):
            return Before(names=_names(registry, declined), declined=True)
        if reason is not NoticeReason.CLIMBED:
            return None
        n = t.notice.c
        heard = connection.execute(
            select(n.person, n.step, func.min(n.settled_at).label("at"))
            .where(n.incident == incident.id, n.round == incident.relapses)
            .where(n.reason.in_(_CALLS), n.state.notin_((*UNSENT, *UNHEARD)))
            .group_by(n.person, n.step)
        ).all()
        asked = {one.id for one in who.at_step(incident, registry, incident.step - 1)}
        these = [row for row in heard if row.step == incident.step - 1 or row.person in asked]
        since = min((row.at for row in these if row.at), default=now)
        return Before(
            names=_names(registry, {row.person for row in these}),
            waited=now - since,
        )

    def _addresses_told(
        self, connection: Connection, incident: Incident, reason: NoticeReason
    ) -> dict[tuple[str, str, int], Any]:
        """Where they had this before in this round, and of which step: the last of each."""
        n = t.notice.c
        query = select(n.id, n.state, n.level, n.channel, n.to, n.step).where(
            n.incident == incident.id,
            n.reason == reason.value,
            n.round == incident.relapses,
        )
        if reason is not NoticeReason.ASSIGNED:
            query = query.where(n.level == level_of(incident, reason))
        rows = connection.execute(query.order_by(n.level))
        return {(row.channel, row.to, row.step): row for row in rows}


def _overtake_quiet(
    connection: Connection, rows: Sequence[Mapping[str, Any]], now: datetime
) -> None:
    """What quiet holds back of the same incident there is old by the time it would be told."""
    n = t.notice.c
    for row in rows:
        connection.execute(
            update(t.notice)
            .where(n.incident == row["incident"], n.reason.in_(_CALLS))
            .where(n.channel == row["channel"], n.to == row["to"], n.detail == "")
            .where(n.state == NoticeState.WAITING.value, n.due_at > row["due_at"])
            .values(state=NoticeState.OVERTAKEN.value, settled_at=now, detail=BY_NEWER)
        )


def _names(registry: Registry, people: Collection[str]) -> tuple[str, ...]:
    """In the registry's order."""
    return tuple(person.name for person in registry.people if person.id in people)


def _step_of(verdict: who.Verdict, incident: Incident, reason: NoticeReason) -> int:
    """Of those beside the climb none is waited for; a second look is asked of tiers of its own."""
    is_own = verdict.step == who.BESIDE or reason is NoticeReason.SECOND_LOOK
    return verdict.step if is_own else incident.step


def _heard(
    verdicts: Sequence[who.Verdict], incident: Incident, registry: Registry, now: datetime
) -> Iterator[tuple[Person, datetime]]:
    """Whose browsers are told, and when: of all who are, and of a post that is told through its holder."""
    for verdict in verdicts:
        if verdict.due_at is not None:
            yield verdict.person, verdict.due_at
        elif verdict.reason is who.Reason.ON_ROTA_TOLD:
            zone = who.zone_of(verdict.person.site, registry)
            until = who.quiet_until(verdict.person, incident.cls, zone, now)
            yield verdict.person, until or now


def _is_first(incident: Incident, reason: NoticeReason) -> bool:
    """Not what a silence or a leader held back: some may have been written to before that."""
    return reason is NoticeReason.OPENED and incident.version == 1


def level_of(incident: Incident, reason: NoticeReason) -> int:
    """A second rise in severity is news of its own, and so is (``Teller.tell``) what is given to
    somebody once more; everything else is once a round and step."""
    return int(incident.severity) if reason is NoticeReason.SEVERITY else 0


def _spoken(
    rule: Any, incident: Incident, registry: Registry, reason: NoticeReason, title: str
) -> str:
    try:
        return spoken_words(rule, incident, registry, reason)
    except Exception:  # as above
        log.exception("nothing to say aloud of incident %d", incident.id)
        return bounded(title, Language.ZH)


def _consider(
    connection: Connection, incident: Incident, verdicts: Sequence[who.Verdict], now: datetime
) -> None:
    """Write down whoever was considered for this incident."""
    if verdicts:
        rows = [considered_row(verdict.considered(incident.id, now)) for verdict in verdicts]
        connection.execute(insert(t.considered), rows)
