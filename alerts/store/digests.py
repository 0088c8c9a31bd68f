"""One digest a day and place, really sent: written into the outbox in the morning of the site."""

from datetime import datetime, time, timedelta
from typing import Any

from sqlalchemy import Connection, delete, insert, or_, select

from alerts.digest import belongs, digest_words
from alerts.incidents import who
from alerts.incidents.model import Incident, StoryKind, StoryLine
from alerts.incidents.shifts import KEPT as REMINDED
from alerts.incidents.who import place_of, zone_of
from alerts.notify.notice import Considered, NoticeReason
from alerts.registry.model import ChannelKind, Place, Registry
from alerts.store import tables as t
from alerts.store.browser_rows import forget, in_browsers
from alerts.store.incident_rows import considered_row, incident_of, story_row
from alerts.store.part import Part
from alerts.words import IncidentClass

MORNING = time(8, 0)  # after the night shift's hand-over; local time of the site
DAY = timedelta(days=1)
KEPT = timedelta(days=30)  # of which day's digest was sent
MOST = 500  # incidents of a site in one digest


class Digests(Part):
    """A part of ``Operations``; each call is one transaction."""

    def send_digests(self, now: datetime) -> int:
        """Write the digests that are due; how many notices. Called often, it sends once a day."""
        with self._database.read() as connection:
            registry = self._registry(connection)
            due = list(_due(connection, registry, now))
        if not due:
            return 0
        with self._database.write() as connection:
            registry = self._registry(connection)
            count = 0
            for site in dict.fromkeys(place.site for place in due):
                known = _waiting(connection, site, now)
                for place in (one for one in due if one.site == site):
                    here = [one for one in known if place_of(one, registry) == place]
                    count += self._send(connection, place, here, registry, now)
            return count

    def _send(
        self,
        connection: Connection,
        place: Place,
        incidents: list[Incident],
        registry: Registry,
        now: datetime,
    ) -> int:
        day = now.astimezone(zone_of(place.site, registry)).date()
        row = {"site": place.site, "place": place.id, "day": day.isoformat(), "at": now}
        connection.execute(insert(t.digest), row)
        if not incidents:
            return 0
        rules = self._rulebook().rules
        first, told = incidents[0], []
        taken: set[tuple[str, str]] = set()
        browsers = in_browsers(connection)
        for verdict in self._teller.verdicts(connection, first, NoticeReason.DIGEST, registry, now):
            connection.execute(
                insert(t.considered), considered_row(verdict.considered(first.id, now))
            )
            if verdict.due_at is None or verdict.step not in (0, who.BESIDE):
                continue
            person = verdict.person
            own = who.addresses_for(person, NoticeReason.DIGEST)[0]
            told.append(person.id)
            link = self._teller.link(f"/places/{place.site}/{place.id}")
            title, text = digest_words(place, incidents, rules, registry, person.language, link)
            for address in (own, *browsers.get(person.id, ())):
                if address.channel is ChannelKind.ANNOUNCER:
                    continue  # nothing to say aloud
                if (address.channel.value, address.to) in taken:
                    continue  # two people behind one group address: one message
                taken.add((address.channel.value, address.to))
                rule = rules.get(first.rule)
                made = self._teller.row(
                    first, NoticeReason.DIGEST, person, address, registry, rule, now
                )
                connection.execute(
                    insert(t.notice),
                    made
                    | {
                        "cls": IncidentClass.UPKEEP.value,  # whatever it begins with
                        "title": title,
                        "text": text,
                        "link": link,
                        "due_at": verdict.due_at,
                        "step": who.BESIDE,
                        "round": day.toordinal(),
                    },
                )
        self._record(connection, incidents, told, now)
        return len(taken)

    def _record(
        self, connection: Connection, incidents: list[Incident], told: list[str], now: datetime
    ) -> None:
        """On each incident: who had the digest that told of it."""
        if not told:
            return
        facts: dict[str, float | str] = {
            "reason": NoticeReason.DIGEST.value,
            "people": ", ".join(told),
        }
        line = StoryLine(at=now, kind=StoryKind.TOLD, facts=facts)
        for one in incidents:
            connection.execute(insert(t.story), story_row(one.id, line))
        rows = [
            considered_row(
                Considered(
                    incident=one.id,
                    at=now,
                    person=person,
                    step=who.BESIDE,
                    told=True,
                    reason=who.Reason.DIGEST_SENT.value,
                )
            )
            for one in incidents[1:]
            for person in told
        ]
        if rows:
            connection.execute(insert(t.considered), rows)

    def clean_up(self, now: datetime) -> None:
        """What nobody will ask for again: marks of digests and reminders, old snoozes, browsers long
        gone."""
        with self._database.write() as connection:
            connection.execute(delete(t.digest).where(t.digest.c.at < now - KEPT))
            connection.execute(delete(t.reminder).where(t.reminder.c.at < now - REMINDED))
            connection.execute(delete(t.snooze).where(t.snooze.c.until <= now))
            forget(connection, now)


def _due(connection: Connection, registry: Registry, now: datetime) -> Any:
    """Places whose morning it is, and whose digest of today is not written yet."""
    d = t.digest.c
    sent = {
        (row.site, row.place, row.day)
        for row in connection.execute(
            select(d.site, d.place, d.day).where(d.at > now - timedelta(days=2))
        )
    }
    for place in registry.places:
        local = now.astimezone(zone_of(place.site, registry))
        key = (place.site, place.id, local.date().isoformat())
        if local.time() >= MORNING and key not in sent:
            yield place


def _waiting(connection: Connection, site: str, now: datetime) -> list[Incident]:
    """What the digest tells of: still open, or opened within a day. Oldest first."""
    i = t.incident.c
    query = (
        select(t.incident)
        .where(i.site == site, or_(i.is_open.is_(True), i.opened_at > now - DAY))
        .where(i.false_alarm.is_(False))
        .order_by(i.id.desc())
        .limit(MOST)
    )
    found = [incident_of(row) for row in connection.execute(query)]
    return [one for one in reversed(found) if belongs(one)]
