"""The registry as rows, and back without loss: order, references and numbers included."""

from collections.abc import Callable, Iterable
from dataclasses import asdict
from functools import lru_cache
from sys import intern
from typing import Any, TypeVar

from sqlalchemy import Connection, Row, Table, delete, insert, select

from alerts.registry.model import (
    Address,
    Away,
    Binding,
    ChannelKind,
    Circuit,
    Device,
    Format,
    Names,
    Override,
    Person,
    Place,
    PlaceKind,
    Port,
    PostRole,
    Registry,
    Rota,
    Site,
    Source,
    Subscription,
    Tier,
    Tiers,
    Turn,
)
from alerts.store import tables as t
from alerts.words import IncidentClass, Language, Severity

_T = TypeVar("_T")

# Parents first: written in this order, deleted in the other.
_TABLES = (
    t.site,
    t.place,
    t.port,
    t.circuit,
    t.device,
    t.binding,
    t.person,
    t.address,
    t.tiers,
    t.tier,
    t.rota,
    t.subscription,
    t.rule_override,
)


def read_registry(connection: Connection) -> Registry:
    """What is registered; an empty registry before the first import."""
    cell = connection.execute(select(t.cell)).one()
    ports = _grouped(connection, t.port, ("site", "place"), _port)
    circuits = _grouped(connection, t.circuit, ("site", "place"), _circuit)
    bindings = _grouped(connection, t.binding, ("site", "device"), _binding)
    addresses = _grouped(connection, t.address, ("person",), _address)
    steps = _grouped(connection, t.tier, ("tiers",), _tier)
    return Registry(
        cell=cell.name,
        revision=cell.revision,
        sites=tuple(
            Site(id=row.id, names=_names(row), time_zone=row.time_zone)
            for row in _rows(connection, t.site)
        ),
        places=tuple(
            Place(
                id=intern(row.id),
                site=intern(row.site),
                kind=PlaceKind(row.kind),
                names=_names(row),
                latitude=row.latitude,
                longitude=row.longitude,
                ports=ports.get((row.site, row.id), ()),
                circuits=circuits.get((row.site, row.id), ()),
                note=row.note,
                neighbours=tuple(row.neighbours),
            )
            for row in _rows(connection, t.place)
        ),
        devices=tuple(
            Device(
                id=intern(row.id),
                site=intern(row.site),
                names=_names(row),
                bindings=bindings.get((row.site, row.id), ()),
                source=Source(row.source),
                origin=row.origin,
                overdue=row.overdue,
                can_cut_power=row.can_cut_power,
                command_key=row.command_key,
                format=Format(row.format),
                address=row.address,
                zone=row.zone,
                ignore=tuple(row.ignore),
                options=_texts(row.options),
                gateway=row.gateway,
            )
            for row in _rows(connection, t.device)
        ),
        people=tuple(
            Person(
                id=row.id,
                site=row.site,
                name=row.name,
                role=PostRole(row.role),
                places=tuple(row.places),
                language=Language(row.language),
                phone=row.phone,
                addresses=addresses.get((row.id,), ()),
                quiet_from=row.quiet_from,
                quiet_to=row.quiet_to,
                is_post=row.is_post,
                stand_in=row.stand_in,
                away=tuple(Away(**one) for one in row.away),
            )
            for row in _rows(connection, t.person)
        ),
        tiers=tuple(
            Tiers(
                kind=PlaceKind(row.kind),
                steps=steps.get((row.nth,), ()),
                classes=tuple(IncidentClass(cls) for cls in row.classes),
            )
            for row in _rows(connection, t.tiers)
        ),
        rotas=tuple(
            Rota(
                post=row.post,
                turns=tuple(Turn(**one | {"days": tuple(one["days"])}) for one in row.turns),
            )
            for row in _rows(connection, t.rota)
        ),
        subscriptions=tuple(
            Subscription(
                person=row.person,
                role=PostRole(row.role) if row.role else None,
                sites=tuple(row.sites),
                places=tuple(row.places),
                classes=tuple(IncidentClass(cls) for cls in row.classes),
                severity=Severity(row.severity),
            )
            for row in _rows(connection, t.subscription)
        ),
        overrides=tuple(
            Override(
                rule=row.rule,
                metric=row.metric,
                place=row.place,
                set={name: float(number) for name, number in row.set.items()},
                who=row.who,
                at=row.at,
                why=row.why,
            )
            for row in _rows(connection, t.rule_override)
        ),
    )


def write_registry(connection: Connection, registry: Registry) -> None:
    """Replace every row of the registry; the cell's own row is the caller's."""
    for table in reversed(_TABLES):
        connection.execute(delete(table))
    rows = registry_rows(registry)
    for table in _TABLES:
        if rows[table]:
            connection.execute(insert(table), rows[table])


def registry_rows(registry: Registry) -> dict[Table, list[dict[str, Any]]]:
    """Every row by table."""
    rows: dict[Table, list[dict[str, Any]]] = {table: [] for table in _TABLES}
    for nth, site in enumerate(registry.sites):
        rows[t.site].append(
            {"id": site.id, "nth": nth, **_name(site.names), "time_zone": site.time_zone}
        )
    for nth, place in enumerate(registry.places):
        rows[t.place].append(
            {
                "site": place.site,
                "id": place.id,
                "nth": nth,
                "kind": place.kind,
                **_name(place.names),
                "latitude": place.latitude,
                "longitude": place.longitude,
                "note": place.note,
                "neighbours": list(place.neighbours),
            }
        )
        home = {"site": place.site, "place": place.id}
        for n, port in enumerate(place.ports):
            rows[t.port].append(
                {**home, "id": port.id, "nth": n, **_name(port.names), "circuit": port.circuit}
            )
        for n, circuit in enumerate(place.circuits):
            rows[t.circuit].append(
                {
                    **home,
                    "id": circuit.id,
                    "nth": n,
                    **_name(circuit.names),
                    "rating_a": circuit.rating_a,
                }
            )
    for nth, device in enumerate(registry.devices):
        rows[t.device].append(
            {
                "site": device.site,
                "id": device.id,
                "nth": nth,
                **_name(device.names),
                "source": device.source,
                "origin": device.origin,
                "overdue": device.overdue,
                "can_cut_power": device.can_cut_power,
                "command_key": device.command_key,
                "format": device.format,
                "address": device.address,
                "zone": device.zone,
                "ignore": list(device.ignore),
                "options": dict(device.options),
                "gateway": device.gateway,
            }
        )
        for n, binding in enumerate(device.bindings):
            rows[t.binding].append(
                {
                    "site": device.site,
                    "device": device.id,
                    "nth": n,
                    "place": binding.place,
                    "port": binding.port,
                    "metrics": list(binding.metrics),
                    "interval_s": binding.interval_s,
                    "component": binding.component,
                    "mapping": dict(binding.mapping),
                    "units": dict(binding.units),
                }
            )
    for nth, person in enumerate(registry.people):
        rows[t.person].append(
            {
                "id": person.id,
                "site": person.site,
                "nth": nth,
                "name": person.name,
                "role": person.role,
                "places": list(person.places),
                "language": person.language,
                "phone": person.phone,
                "quiet_from": person.quiet_from,
                "quiet_to": person.quiet_to,
                "is_post": person.is_post,
                "stand_in": person.stand_in,
                "away": [asdict(one) for one in person.away],
            }
        )
        for n, address in enumerate(person.addresses):
            rows[t.address].append(
                {
                    "person": person.id,
                    "nth": n,
                    "channel": address.channel,
                    "to": address.to,
                    "is_group": address.group,
                    "secret": address.secret,
                }
            )
    for nth, tiers in enumerate(registry.tiers):
        rows[t.tiers].append({"nth": nth, "kind": tiers.kind, "classes": list(tiers.classes)})
        for n, tier in enumerate(tiers.steps):
            waits = {severity.name.lower(): wait for severity, wait in tier.wait_s.items()}
            rows[t.tier].append({"tiers": nth, "nth": n, "role": tier.role, "wait_s": waits})
    for nth, rota in enumerate(registry.rotas):
        turns = [asdict(turn) | {"days": list(turn.days)} for turn in rota.turns]
        rows[t.rota].append({"nth": nth, "post": rota.post, "turns": turns})
    for nth, wish in enumerate(registry.subscriptions):
        rows[t.subscription].append(
            {
                "nth": nth,
                "person": wish.person,
                "role": wish.role.value if wish.role else "",
                "sites": list(wish.sites),
                "places": list(wish.places),
                "classes": [cls.value for cls in wish.classes],
                "severity": int(wish.severity),
            }
        )
    for nth, override in enumerate(registry.overrides):
        rows[t.rule_override].append(
            {
                "nth": nth,
                "rule": override.rule,
                "metric": override.metric,
                "place": override.place,
                "set": dict(override.set),
                "who": override.who,
                "at": override.at,
                "why": override.why,
            }
        )
    return rows


def changes(before: Registry, after: Registry) -> dict[str, dict[str, list[str]]]:
    """Ids that came, changed and went, by kind; kinds without any are left out."""
    told: dict[str, dict[str, list[str]]] = {}
    for kind, was, now in (
        ("site", _by_id(before.sites), _by_id(after.sites)),
        ("place", _by_id(before.places), _by_id(after.places)),
        ("device", _by_id(before.devices), _by_id(after.devices)),
        ("person", _by_id(before.people), _by_id(after.people)),
        ("tiers", dict(enumerate(before.tiers)), dict(enumerate(after.tiers))),
        ("rota", dict(enumerate(before.rotas)), dict(enumerate(after.rotas))),
        (
            "subscription",
            dict(enumerate(before.subscriptions)),
            dict(enumerate(after.subscriptions)),
        ),
        ("override", dict(enumerate(before.overrides)), dict(enumerate(after.overrides))),
    ):
        kinds = {
            "added": [str(key) for key in now if key not in was],
            "changed": [str(key) for key in now if key in was and was[key] != now[key]],
            "removed": [str(key) for key in was if key not in now],
        }
        if any(kinds.values()):
            told[kind] = {word: ids for word, ids in kinds.items() if ids}
    return told


def _by_id(things: Iterable[Any]) -> dict[Any, Any]:
    """By ``site/id`` where a thing belongs to a site and is named inside it."""
    return {
        f"{thing.site}/{thing.id}" if isinstance(thing, Place | Device) else thing.id: thing
        for thing in things
    }


def _rows(connection: Connection, table: Table) -> list[Row[Any]]:
    return list(connection.execute(select(table).order_by(table.c.nth)))


def _grouped(
    connection: Connection,
    table: Table,
    keys: tuple[str, ...],
    build: Callable[[Row[Any]], _T],
) -> dict[tuple[Any, ...], tuple[_T, ...]]:
    groups: dict[tuple[Any, ...], list[_T]] = {}
    for row in _rows(connection, table):
        fields = row._mapping
        groups.setdefault(tuple(fields[key] for key in keys), []).append(build(row))
    return {key: tuple(group) for key, group in groups.items()}


def _name(names: Names) -> dict[str, str]:
    return {"name_zh": names.zh, "name_en": names.en}


def _names(row: Row[Any]) -> Names:
    return Names(zh=row.name_zh, en=row.name_en)


def _port(row: Row[Any]) -> Port:
    return Port(id=row.id, names=_names(row), circuit=row.circuit)


def _circuit(row: Row[Any]) -> Circuit:
    return Circuit(id=row.id, names=_names(row), rating_a=row.rating_a)


def _binding(row: Row[Any]) -> Binding:
    return Binding(
        place=intern(row.place),
        port=intern(row.port),
        metrics=_metrics(tuple(row.metrics)),
        interval_s=row.interval_s,
        component=row.component,
        mapping=_texts(row.mapping),
        units=_texts(row.units),
    )


# There may be twenty thousand devices: what is alike is one object, and is never changed.
_NO_TEXTS: dict[str, str] = {}


def _texts(found: dict[str, str]) -> dict[str, str]:
    return dict(found) if found else _NO_TEXTS


@lru_cache(4096)
def _metrics(names: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(map(intern, names))


def _address(row: Row[Any]) -> Address:
    return Address(
        channel=ChannelKind(row.channel), to=row.to, group=row.is_group, secret=row.secret
    )


def _tier(row: Row[Any]) -> Tier:
    waits = {Severity[name.upper()]: float(wait) for name, wait in row.wait_s.items()}
    return Tier(role=PostRole(row.role), wait_s=waits)
