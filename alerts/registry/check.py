"""What the types of a registry cannot see: ids, references, addresses, times, and who is told."""

import math
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator, Mapping
from datetime import date, datetime
from difflib import get_close_matches
from zoneinfo import ZoneInfo

from alerts.registry import addresses, options
from alerts.registry.model import (
    WEEKDAYS,
    Address,
    ChannelKind,
    Device,
    Person,
    Place,
    Registry,
    Rota,
    Site,
    Subscription,
    Tiers,
)
from alerts.registry.problem import Level, Problem
from alerts.registry.turns import uncovered
from alerts.secrets import is_reference
from edge.contract.ids import is_id
from edge.contract.metrics import METRICS
from edge.contract.thresholds import mistakes
from edge.contract.topics import SERVER

TABLES = (
    "sites", "places", "devices", "people", "tiers", "rotas", "subscriptions", "overrides",
)  # fmt: skip
Homes = Mapping[tuple[str, int], str]
"""Which file the n-th item of a table stands in."""

_CLOCK = re.compile(r"([01]\d|2[0-3]):[0-5]\d")
_MAILBOX = re.compile(r"[A-Za-z0-9.!#$%&'*+/=?^_`{|}~-]{1,64}@[A-Za-z0-9.-]{1,190}")
# The outbound client reads the rest; here it is enough that nobody mistook the field.
_WEB = re.compile(r"https?://[^\s/?#]+([/?#]\S*)?")
_ACCOUNT = re.compile(r"[A-Za-z0-9_.$:+/=-]{1,64}")
_ID_REMEDY = "use 1 to 64 of a-z, 0-9 and '-'"


def check(registry: Registry, homes: Homes | None = None) -> list[Problem]:
    """Every problem of the registry; ``homes`` names the files when they are not the usual ones."""
    return list(_Check(registry, homes or {}).problems())


def is_mailbox(text: str) -> bool:
    """Whether ``text`` is one plain mail address, without a name, a list or a line end."""
    return _MAILBOX.fullmatch(text) is not None


class _Check:
    def __init__(self, registry: Registry, homes: Homes) -> None:
        self._registry = registry
        self._homes = homes
        self._sites = {site.id for site in registry.sites}
        self._places = {(place.site, place.id): place for place in registry.places}
        self._devices = {f"{device.site}/{device.id}": device for device in registry.devices}

    def problems(self) -> Iterator[Problem]:
        registry = self._registry
        yield from self._id("sites", 0, "cell", registry.cell)
        for n, site in enumerate(registry.sites):
            yield from self._site(n, site)
        for n, place in enumerate(registry.places):
            yield from self._place(n, place)
        for n, device in enumerate(registry.devices):
            yield from self._device(n, device)
        for n, person in enumerate(registry.people):
            yield from self._person(n, person)
        for n, tiers in enumerate(registry.tiers):
            yield from self._tiers(n, tiers)
        for n, rota in enumerate(registry.rotas):
            yield from self._rota(n, rota)
        for n, subscription in enumerate(registry.subscriptions):
            yield from self._subscription(n, subscription)
        yield from self._overrides()
        yield from self._twice("rotas", [rota.post for rota in registry.rotas])
        yield from self._twice("sites", [site.id for site in registry.sites])
        yield from self._twice("places", [f"{p.site}/{p.id}" for p in registry.places])
        yield from self._twice("devices", [f"{d.site}/{d.id}" for d in registry.devices])
        yield from self._twice("people", [person.id for person in registry.people])
        yield from self._two_primaries()
        yield from self._nobody_told()

    # One method a table.

    def _site(self, n: int, site: Site) -> Iterator[Problem]:
        spot = f"sites[{site.id}]"
        yield from self._id("sites", n, f"{spot}.id", site.id)
        yield from self._named("sites", n, spot, site.names.zh)
        try:
            ZoneInfo(site.time_zone)
        except (KeyError, ValueError, OSError):
            yield self._bad(
                "sites", n, f"{spot}.time_zone", f"no time zone {site.time_zone!r}",
                "write a name of the IANA list, e.g. Asia/Shanghai",
            )  # fmt: skip

    def _place(self, n: int, place: Place) -> Iterator[Problem]:
        spot = f"places[{place.id}]"
        yield from self._id("places", n, f"{spot}.id", place.id)
        yield from self._named("places", n, spot, place.names.zh)
        yield from self._known("places", n, f"{spot}.site", "site", place.site, self._sites)
        if (place.latitude is None) != (place.longitude is None):
            yield self._bad("places", n, f"{spot}.latitude", "half a position",
                            "give latitude and longitude, or neither")  # fmt: skip
        for name, number, most in (
            ("latitude", place.latitude, 90),
            ("longitude", place.longitude, 180),
        ):
            if number is not None and not -most <= number <= most:
                yield self._bad("places", n, f"{spot}.{name}", f"{number} is off the globe",
                                f"write WGS-84 degrees, -{most} to {most}")  # fmt: skip
        others = {id for site, id in self._places if site == place.site} - {place.id}
        for neighbour in place.neighbours:
            yield from self._known(
                "places", n, f"{spot}.neighbours", "other place", neighbour, others
            )
        circuits = {circuit.id for circuit in place.circuits}
        for port in place.ports:
            there = f"{spot}.ports[{port.id}]"
            yield from self._id("places", n, f"{there}.id", port.id)
            yield from self._named("places", n, there, port.names.zh)
            if port.circuit:
                yield from self._known(
                    "places", n, f"{there}.circuit", "circuit", port.circuit, circuits
                )
        for circuit in place.circuits:
            there = f"{spot}.circuits[{circuit.id}]"
            yield from self._id("places", n, f"{there}.id", circuit.id)
            yield from self._named("places", n, there, circuit.names.zh)
            if not _positive(circuit.rating_a):
                yield self._bad("places", n, f"{there}.rating_a", f"{circuit.rating_a} A",
                                "write the breaker's rating in amperes, above 0")  # fmt: skip
        for name, ids in (
            ("ports", [port.id for port in place.ports]),
            ("circuits", [circuit.id for circuit in place.circuits]),
        ):
            yield from self._twice("places", ids, n, f"{spot}.{name}")

    def _device(self, n: int, device: Device) -> Iterator[Problem]:
        spot = f"devices[{device.id}]"
        yield from self._id("devices", n, f"{spot}.id", device.id)
        if device.id == SERVER:
            yield self._bad("devices", n, f"{spot}.id", f"{SERVER!r} is the house's own name",
                            "give the device another id")  # fmt: skip
        yield from self._named("devices", n, spot, device.names.zh)
        yield from self._known("devices", n, f"{spot}.site", "site", device.site, self._sites)
        if not (_positive(device.overdue) and device.overdue >= 1):
            yield self._bad("devices", n, f"{spot}.overdue", f"{device.overdue} intervals",
                            "write 1 or more; 3 is usual")  # fmt: skip
        if device.command_key and not is_reference(device.command_key):
            yield self._bad("devices", n, f"{spot}.command_key", "the key itself stands here",
                            "put it in a file and write file:PATH, or env:NAME; give the device "
                            "another key")  # fmt: skip
        yield from self._foreign(n, spot, device)
        if device.gateway:
            others = {d.id for d in self._registry.devices if d.site == device.site} - {device.id}
            yield from self._known(
                "devices", n, f"{spot}.gateway", "other device", device.gateway, others
            )
        here = {id for site, id in self._places if site == device.site}
        seen: Counter[tuple[str, str, str]] = Counter()
        for k, binding in enumerate(device.bindings):
            there = f"{spot}.bindings[{k + 1}]"
            place = self._places.get((device.site, binding.place))
            if binding.place:
                yield from self._known("devices", n, f"{there}.place", "place", binding.place, here)
            if binding.port and place is not None:
                ports = {port.id for port in place.ports}
                yield from self._known("devices", n, f"{there}.port", "port", binding.port, ports)
            if not binding.metrics:
                yield self._bad("devices", n, f"{there}.metrics", "no metric",
                                "name what the device measures there")  # fmt: skip
            for metric in binding.metrics:
                yield from self._known("devices", n, f"{there}.metrics", "metric", metric, METRICS)
                seen[binding.place, binding.port, metric] += 1
            for name, metric in binding.mapping.items():
                yield from self._known(
                    "devices", n, f"{there}.mapping.{name}", "metric of this binding", metric,
                    binding.metrics,
                )  # fmt: skip
            if (binding.component or binding.mapping or binding.units) and not device.is_foreign:
                yield self._bad("devices", n, f"{there}.mapping", "the device speaks our language",
                                "remove component, mapping and units, or name its format")  # fmt: skip
            if not _positive(binding.interval_s):
                yield self._bad("devices", n, f"{there}.interval_s", f"{binding.interval_s} s",
                                "write the seconds between two readings, above 0")  # fmt: skip
        for (place_id, port, metric), times in seen.items():
            if times > 1:
                at = "/".join(part for part in (place_id, port) if part)
                yield self._bad("devices", n, f"{spot}.bindings", f"{at} {metric} stands twice",
                                "keep one")  # fmt: skip

    def _foreign(self, n: int, spot: str, device: Device) -> Iterator[Problem]:
        address, last = device.address, device.address.rpartition("/")[2]
        if not device.is_foreign:
            for key in ("address", "zone", "ignore", "options"):
                if getattr(device, key):
                    yield self._bad("devices", n, f"{spot}.{key}", "the device speaks our language",
                                    "name its format, or remove this")  # fmt: skip
            return
        if not address.strip():
            yield self._bad("devices", n, f"{spot}.address", "is empty",
                            "write where it is heard: its topic, or its number")  # fmt: skip
        elif address != address.strip() or not address.isprintable() or len(address) > 256:
            yield self._bad("devices", n, f"{spot}.address", f"{address!r} is no address",
                            "write it without spaces around it")  # fmt: skip
        elif (
            "#" in address.removesuffix("#")
            or (last.endswith("#") and last != "#")
            or any("+" in level and level != "+" for level in address.split("/"))
        ):
            yield self._bad("devices", n, f"{spot}.address", f"{address!r} is no topic pattern",
                            "+ stands for one whole level, # at the end for all that follow")  # fmt: skip
        elif address.split("/")[0] in ("shouwang", "#", "+", "$SYS", "$share"):
            yield self._bad("devices", n, f"{spot}.address", f"{address!r} is not its own topic",
                            "begin with a word of the device's, not shouwang, + or #")  # fmt: skip
        for other in self._registry.devices[:n]:
            if (other.format, other.address) == (device.format, address) and address:
                yield self._bad("devices", n, f"{spot}.address", f"is that of {other.id} too",
                                "give each device its own")  # fmt: skip
        if device.command_key or device.can_cut_power:
            key = "command_key" if device.command_key else "can_cut_power"
            yield self._bad("devices", n, f"{spot}.{key}", "foreign devices take no commands",
                            "remove it")  # fmt: skip
        for where, what, remedy in options.problems(device):
            yield self._bad("devices", n, f"{spot}.{where}", what, remedy)
        if device.zone:
            try:
                ZoneInfo(device.zone)
            except (KeyError, ValueError, OSError):
                yield self._bad("devices", n, f"{spot}.zone", f"no time zone {device.zone!r}",
                                "write a name of the IANA list, e.g. Asia/Shanghai")  # fmt: skip

    def _person(self, n: int, person: Person) -> Iterator[Problem]:
        spot = f"people[{person.id}]"
        yield from self._id("people", n, f"{spot}.id", person.id)
        if not person.name.strip():
            yield self._bad("people", n, f"{spot}.name", "is empty", "write a name")
        yield from self._known("people", n, f"{spot}.site", "site", person.site, self._sites)
        here = {id for site, id in self._places if site == person.site}
        for place in person.places:
            yield from self._known("people", n, f"{spot}.places", "place", place, here)
        for name, clock in (("quiet_from", person.quiet_from), ("quiet_to", person.quiet_to)):
            if clock and not _CLOCK.fullmatch(clock):
                yield self._bad("people", n, f"{spot}.{name}", f"{clock!r} is no time of day",
                                "write HH:MM, e.g. 22:00")  # fmt: skip
        if bool(person.quiet_from) != bool(person.quiet_to):
            yield self._bad("people", n, f"{spot}.quiet_from", "half of the quiet hours",
                            "give quiet_from and quiet_to, or neither")  # fmt: skip
        elif person.quiet_from and person.quiet_from == person.quiet_to:
            yield self._bad("people", n, f"{spot}.quiet_to", "the quiet hours have no length",
                            "write another end, or leave both out")  # fmt: skip
        yield from self._stand_in(n, spot, person)
        has_rota = any(rota.post == person.id for rota in self._registry.rotas)
        if not person.addresses and not has_rota:
            yield self._bad("people", n, f"{spot}.addresses", "no address: can never be told",
                            "add one, or leave it for somebody who is only phoned",
                            Level.WARNING)  # fmt: skip
        for k, address in enumerate(person.addresses):
            yield from self._address(n, f"{spot}.addresses[{k + 1}]", person, address)
            if address in person.addresses[:k]:
                yield self._bad("people", n, f"{spot}.addresses[{k + 1}]", "stands twice",
                                "keep one")  # fmt: skip

    def _address(self, n: int, spot: str, person: Person, address: Address) -> Iterator[Problem]:
        if address.secret and not is_reference(address.secret):
            yield self._bad("people", n, f"{spot}.secret", "the secret itself stands here",
                            "put it in the environment or a file and write env:NAME or file:PATH; "
                            "take this one out of use")  # fmt: skip
        for key, what, remedy in addresses.problems(address):
            yield self._bad("people", n, f"{spot}.{key}", what, remedy)
        if is_reference(address.to) and address.channel is not ChannelKind.ANNOUNCER:
            return
        match address.channel:
            case ChannelKind.WEBHOOK | ChannelKind.ALERTMANAGER:
                if not _WEB.fullmatch(address.to):
                    yield self._bad("people", n, f"{spot}.to", "no web address",
                                    "write https://host/path or env:NAME")  # fmt: skip
            case ChannelKind.EMAIL:
                if not is_mailbox(address.to):
                    yield self._bad("people", n, f"{spot}.to", f"{address.to!r} is no mail address",
                                    "write name@example.org or env:NAME")  # fmt: skip
            case ChannelKind.DINGTALK_APP | ChannelKind.FEISHU_APP:
                if not _ACCOUNT.fullmatch(address.to):
                    yield self._bad("people", n, f"{spot}.to", f"{address.to!r} is no account",
                                    "let the person write to the app: its answer names it")  # fmt: skip
                elif address.group:
                    yield self._bad("people", n, f"{spot}.group", "an account is one person's",
                                    "remove it; groups are written to by a robot of their own")  # fmt: skip
            case ChannelKind.LOG:
                if not address.to.strip():
                    yield self._bad("people", n, f"{spot}.to", "is empty", "write any name")
            case ChannelKind.ANNOUNCER:
                device = self._devices.get(address.to)
                here = [name for name, known in self._devices.items() if known.site == person.site]
                if device is None or device.site != person.site:
                    yield from self._known("people", n, f"{spot}.to", "device", address.to, here)
                elif not device.command_key:
                    yield self._bad("people", n, f"{spot}.to", f"{address.to} takes no commands",
                                    "give the device a command_key")  # fmt: skip

    def _stand_in(self, n: int, spot: str, person: Person) -> Iterator[Problem]:
        people = {each.id: each for each in self._registry.people}
        for k, away in enumerate(person.away):
            there = f"{spot}.away[{k + 1}]"
            days = (away.since, away.until)
            if not all(_is_day(day) for day in days):
                yield self._bad("people", n, there, f"{' to '.join(days)} are no days",
                                "write e.g. 2026-11-22")  # fmt: skip
            elif away.until < away.since:
                yield self._bad("people", n, there, f"{away.until} is before {away.since}",
                                "let the last day come after the first")  # fmt: skip
        if person.away and not person.stand_in:
            yield self._bad("people", n, f"{spot}.stand_in", "nobody is told while they are away",
                            "name who stands in", Level.WARNING)  # fmt: skip
        if not person.stand_in:
            return
        yield from self._known("people", n, f"{spot}.stand_in", "person", person.stand_in, people)
        chain, here = [person.id], people.get(person.stand_in)
        while here is not None:
            if here.id in chain:
                if here.id == person.id:
                    yield self._bad("people", n, f"{spot}.stand_in",
                                    f"a loop: {' -> '.join([*chain, here.id])}",
                                    "let one of them have another stand-in, or none")  # fmt: skip
                return
            chain.append(here.id)
            if not here.stand_in and not here.addresses:
                yield self._bad("people", n, f"{spot}.stand_in", f"{here.id} has no address",
                                "give them one, or name somebody else")  # fmt: skip
            here = people.get(here.stand_in)

    def _rota(self, n: int, rota: Rota) -> Iterator[Problem]:
        spot = f"rotas[{rota.post}]"
        people = {person.id: person for person in self._registry.people}
        posts = [person.id for person in self._registry.people if person.is_post]
        yield from self._known("rotas", n, f"{spot}.post", "post", rota.post, posts)
        if not rota.turns:
            yield self._bad("rotas", n, f"{spot}.turns", "no turn", "add one, or remove the rota")
        sound = True
        for k, turn in enumerate(rota.turns):
            there = f"{spot}.turns[{k + 1}]"
            yield from self._known("rotas", n, f"{there}.person", "person", turn.person, people)
            holder = people.get(turn.person)
            if holder is not None and not holder.addresses:
                yield self._bad("rotas", n, f"{there}.person", f"{turn.person} has no address",
                                "give them one: the post's phone may lie still",
                                Level.WARNING)  # fmt: skip
            for name, clock in (("since", turn.since), ("until", turn.until)):
                if not _CLOCK.fullmatch(clock):
                    sound = False
                    yield self._bad("rotas", n, f"{there}.{name}", f"{clock!r} is no time of day",
                                    "write HH:MM, e.g. 20:00")  # fmt: skip
            for day in turn.days:
                yield from self._known("rotas", n, f"{there}.days", "day", day, WEEKDAYS)
        free = list(uncovered(rota)) if sound and rota.turns else []
        if free:
            yield self._bad("rotas", n, f"{spot}.turns", f"nobody from {', '.join(free[:4])}",
                            "let the turns cover the week", Level.WARNING)  # fmt: skip

    def _subscription(self, n: int, wish: Subscription) -> Iterator[Problem]:
        spot = f"subscriptions[{n + 1}]"
        people = {person.id: person for person in self._registry.people}
        if bool(wish.person) == (wish.role is not None):
            yield self._bad("subscriptions", n, spot, "names a person and a role, or neither",
                            "name one of the two")  # fmt: skip
        if wish.person:
            yield from self._known(
                "subscriptions", n, f"{spot}.person", "person", wish.person, people
            )
            known = people.get(wish.person)
            if known is not None and not known.addresses:
                yield self._bad("subscriptions", n, f"{spot}.person", f"{known.id} has no address",
                                "give them one")  # fmt: skip
        for site in wish.sites:
            yield from self._known("subscriptions", n, f"{spot}.sites", "site", site, self._sites)
        for place in wish.places:
            here = {id for _, id in self._places}
            yield from self._known("subscriptions", n, f"{spot}.places", "place", place, here)

    def _tiers(self, n: int, tiers: Tiers) -> Iterator[Problem]:
        spot = f"tiers[{n + 1}]"
        if not tiers.steps:
            yield self._bad("tiers", n, f"{spot}.steps", "no step", "add one, or remove the entry")
        roles = {person.role for person in self._registry.people}
        for k, step in enumerate(tiers.steps):
            there = f"{spot}.steps[{k + 1}]"
            if step.role in [each.role for each in tiers.steps[:k]]:
                yield self._bad("tiers", n, f"{there}.role", f"{step.role.value} stands twice",
                                "keep one")  # fmt: skip
            if step.role not in roles:
                yield self._bad("tiers", n, f"{there}.role", f"nobody is {step.role.value}",
                                "give somebody the role, or remove the step",
                                Level.WARNING)  # fmt: skip
            for severity, wait_s in step.wait_s.items():
                if not _positive(wait_s):
                    yield self._bad(
                        "tiers", n, f"{there}.wait_s.{severity.name.lower()}", f"{wait_s} s",
                        "write seconds above 0, or leave the severity out",
                    )  # fmt: skip
        for before in self._registry.tiers[:n]:
            if before.kind is not tiers.kind:
                continue
            both = sorted(set(before.classes) & set(tiers.classes))
            if both or not (before.classes or tiers.classes):
                what = ", ".join(both) or "every class"
                yield self._bad(
                    "tiers", n, f"{spot}.classes", f"a second climb for {tiers.kind.value}: {what}",
                    "keep one",
                )  # fmt: skip

    def _overrides(self) -> Iterator[Problem]:
        spelled = {id for _, id in self._places} | {f"{s}/{id}" for s, id in self._places}
        for n, override in enumerate(self._registry.overrides):
            spot = f"overrides[{n + 1}]"
            if override.metric and override.rule:
                yield self._bad("overrides", n, spot, "names a rule and a metric",
                                "make two entries of it")  # fmt: skip
            elif override.metric in METRICS:
                for key, what, remedy in mistakes(override.metric, override.set):
                    yield self._bad("overrides", n, f"{spot}.set.{key}", what, remedy)
            elif override.metric:
                yield from self._known(
                    "overrides", n, f"{spot}.metric", "metric", override.metric, METRICS
                )
            else:
                yield from self._id("overrides", n, f"{spot}.rule", override.rule)
            yield from self._known(
                "overrides", n, f"{spot}.place", "place", override.place, spelled
            )
            sites = {site for site, id in self._places if id == override.place}
            if len(sites) > 1:
                yield self._bad("overrides", n, f"{spot}.place",
                                f"{override.place} is a place of {len(sites)} sites",
                                f"write {min(sites)}/{override.place}")  # fmt: skip
            for key, number in override.set.items():
                if override.rule and not math.isfinite(number):
                    yield self._bad("overrides", n, f"{spot}.set.{key}", f"{number}",
                                    "write a finite number")  # fmt: skip
            if not override.set:
                yield self._bad("overrides", n, f"{spot}.set", "changes nothing",
                                "name a number, or remove the entry")  # fmt: skip
            for name, text in (("who", override.who), ("why", override.why)):
                if not text.strip():
                    yield self._bad("overrides", n, f"{spot}.{name}", "is empty",
                                    "say who changed it and why")  # fmt: skip
            if not _is_date(override.at):
                yield self._bad("overrides", n, f"{spot}.at", f"{override.at!r} is no date",
                                "write e.g. 2026-11-22")  # fmt: skip

    # What several tables say together.

    def _two_primaries(self) -> Iterator[Problem]:
        first: dict[tuple[str, str, str, str], str] = {}
        for n, device in enumerate(self._registry.devices):
            told = set()
            for binding in device.bindings:
                for metric in binding.metrics:
                    key = (device.site, binding.place, binding.port, metric)
                    other = first.setdefault(key, device.id)
                    if not binding.place or other == device.id or (other, key[:3]) in told:
                        continue
                    told.add((other, key[:3]))
                    at = "/".join(part for part in key[1:3] if part)
                    yield self._bad(
                        "devices", n, f"devices[{device.id}].bindings",
                        f"{other} measures {metric} at {at} too; {other} is primary",
                        "list the primary one first", Level.WARNING,
                    )  # fmt: skip

    def _nobody_told(self) -> Iterator[Problem]:
        """A climb on which, at some place, no step has anybody with an address."""
        reached = [person for person in self._registry.people if person.addresses]
        for n, tiers in enumerate(self._registry.tiers):
            roles = {step.role for step in tiers.steps}
            for place in self._registry.places:
                if place.kind is not tiers.kind or not roles:
                    continue
                if not any(
                    person.site == place.site
                    and person.role in roles
                    and (not person.places or place.id in person.places)
                    for person in reached
                ):
                    yield self._bad(
                        "tiers", n, f"tiers[{n + 1}].steps", f"nobody would be told of {place.id}",
                        "give one of these roles, with an address, at that place",
                    )  # fmt: skip

    # Helpers that phrase.

    def _id(self, table: str, n: int, where: str, id: str) -> Iterator[Problem]:
        if not is_id(id):
            yield self._bad(table, n, where, f"{id!r} is no id", _ID_REMEDY)

    def _named(self, table: str, n: int, spot: str, zh: str) -> Iterator[Problem]:
        if not zh.strip():
            yield self._bad(table, n, f"{spot}.names.zh", "is empty", "write a name")

    def _known(
        self, table: str, n: int, where: str, noun: str, id: str, ids: Collection[str]
    ) -> Iterator[Problem]:
        if id in ids:
            return
        near = get_close_matches(id, ids, n=1)
        some = ", ".join(sorted(ids)[:8])
        remedy = f"did you mean {near[0]!r}?" if near else f"use one of: {some or 'none is there'}"
        yield self._bad(table, n, where, f"there is no {noun} {id!r}", remedy)

    def _twice(
        self, table: str, ids: Iterable[str], n: int | None = None, spot: str = ""
    ) -> Iterator[Problem]:
        seen = set()
        for k, id in enumerate(ids):
            if id in seen:
                where = f"{spot or table}[{id}].id"
                yield self._bad(table, k if n is None else n, where, "stands twice", "rename one")
            seen.add(id)

    def _bad(
        self, table: str, n: int, where: str, what: str, remedy: str, level: Level = Level.ERROR
    ) -> Problem:
        file = self._homes.get((table, n), f"{table}.toml")
        return Problem(file=file, where=where, what=what, remedy=remedy, level=level)


def _positive(number: float) -> bool:
    return math.isfinite(number) and number > 0


def _is_day(text: str) -> bool:
    try:
        date.fromisoformat(text)
    except ValueError:
        return False
    return True


def _is_date(text: str) -> bool:
    try:
        datetime.fromisoformat(text)
    except ValueError:
        return False
    return True
