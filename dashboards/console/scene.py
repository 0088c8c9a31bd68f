"""What every page stands on: the registry at this moment, a language, a time, and names by id."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, tzinfo
from functools import cached_property

from alerts.figures import local, number, unit, zone
from alerts.incidents.model import Incident, State
from alerts.messages import Headline, headline
from alerts.phrases import DRILL_MARK, ROLES
from alerts.registry.model import Binding, Device, Person, Place, PostRole, Registry, Site, Source
from alerts.words import Language
from dashboards.console.i18n import Words, words
from dashboards.ports import Packs, WatchStatus
from edge.contract.metrics import METRICS


@dataclass(frozen=True)  # without slots: the look-up tables are built once, when first asked for
class Scene:
    registry: Registry
    packs: Packs
    language: Language
    now: datetime
    status: WatchStatus | None = None

    @property
    def t(self) -> Words:
        return words(self.language)

    @cached_property
    def sites(self) -> dict[str, Site]:
        return {site.id: site for site in self.registry.sites}

    @cached_property
    def places(self) -> dict[tuple[str, str], Place]:
        return {(place.site, place.id): place for place in self.registry.places}

    @cached_property
    def devices(self) -> dict[tuple[str, str], Device]:
        return {(device.site, device.id): device for device in self.registry.devices}

    @cached_property
    def people(self) -> dict[str, Person]:
        return {person.id: person for person in self.registry.people}

    def zone(self, site: str) -> tzinfo:
        known = self.sites.get(site)
        return zone(known.time_zone if known else "")

    def when(self, at: datetime, site: str) -> str:
        """The time of day at the site, with the day when it is not today."""
        return local(at, self.zone(site), self.now, self.language)

    def person(self, person: str) -> str:
        """A person's name; the id when he has left; the house for nobody."""
        if not person:
            return self.t("who.house")
        known = self.people.get(person)
        return known.name if known else person

    def role(self, role: PostRole) -> str:
        return ROLES[self.language][role]

    def place(self, site: str, place: str) -> str:
        known = self.places.get((site, place))
        return known.names.by(self.language) if known else place

    def metric(self, metric: str) -> str:
        known = METRICS.get(metric)
        if known is None:
            return metric
        return known.zh if self.language is Language.ZH else known.en

    def figure(self, metric: str, value: float | None) -> str:
        """A value in the metric's decimals; yes and no for flags, a dash for none."""
        known = METRICS.get(metric)
        if value is None:
            return "—"
        if known and known.is_flag:
            return self.t.either(
                f"flag.{metric}-{int(value >= 0.5)}", self.t(f"flag.{int(value >= 0.5)}")
            )
        return number(value, known.decimals if known else 2)

    def unit(self, metric: str) -> str:
        return unit(metric, self.language)

    def headline(self, incident: Incident) -> Headline:
        """The incident in words; what is over is told by its worst value, not by today's."""
        if incident.state in (State.RECOVERED, State.CLOSED) and incident.peak is not None:
            incident = replace(incident, value=incident.peak)
        head = headline(
            self.packs.rules.get(incident.words_of),
            incident,
            self.registry,
            self.language,
            self.now,
        )
        if not incident.is_drill:
            return head
        mark = DRILL_MARK[self.language]
        return replace(head, what=mark + head.what, name=mark + head.name)

    def source(self, device: Device | None) -> tuple[str, str] | None:
        """The chip for what is not live: its word and where it comes from."""
        if device is None or device.source is Source.LIVE:
            return None
        return self.t(f"source.{device.source.value}"), device.origin

    def sources_at(self, site: str, place: str) -> list[tuple[str, str]]:
        """The chips of a place, each once."""
        chips = []
        for device, _ in self.watchers(site, place):
            chip = self.source(device)
            if chip and chip not in chips:
                chips.append(chip)
        return chips

    def watchers(self, site: str, place: str) -> Sequence[tuple[Device, Binding]]:
        """Who measures at a place, by each of its bindings there."""
        return self._watchers.get((site, place), ())

    @cached_property
    def _watchers(self) -> Mapping[tuple[str, str], Sequence[tuple[Device, Binding]]]:
        found: dict[tuple[str, str], list[tuple[Device, Binding]]] = {}
        for device in self.registry.devices:
            for binding in device.bindings:
                found.setdefault((device.site, binding.place), []).append((device, binding))
        return found
