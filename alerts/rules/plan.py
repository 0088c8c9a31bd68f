"""The plan: which states listen to which series, from the packs and the registry."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from sys import intern

from alerts.registry.model import Binding, Device, Names, Place, Registry
from alerts.rules.house import HouseTime
from alerts.rules.near import nearest
from alerts.rules.packs import Packs
from alerts.rules.rule import (
    DeviceState,
    Expected,
    HearingState,
    Rule,
    Series,
    State,
    Take,
    Where,
    numbers,
)
from edge.contract.subject import Subject, SubjectKind
from edge.contract.topics import SERVER

Key = tuple[str, str, str]
"""(rule, subject, device); the device is empty where a rule judges all devices of a subject as one."""
USUAL_INTERVAL_S = 900.0  # as Binding.interval_s
HOUSE_HOLD_S = 900.0  # what the house says of itself holds so long: three of its heartbeats


@dataclass(frozen=True, slots=True)
class Seat:
    """What a state is about."""

    rule: Rule
    subject: Subject
    place: str
    port: str
    device: str


@dataclass(slots=True)
class Plan:
    """States by what they listen to. ``keys`` and ``State.order`` belong together."""

    series: dict[tuple[str, str], dict[tuple[str, str, str], list[tuple[State, Take]]]] = field(
        default_factory=dict
    )
    devices: dict[tuple[str, str], list[DeviceState]] = field(default_factory=dict)
    rules: dict[tuple[str, str, str], list[HearingState]] = field(default_factory=dict)
    """By (rule, site, place), who hears what that rule says there."""
    warned: dict[str, list[HearingState]] = field(default_factory=dict)
    """By site, who hears official warnings."""
    states: dict[Key, State] = field(default_factory=dict)
    seats: dict[Key, Seat] = field(default_factory=dict)
    keys: list[Key] = field(default_factory=list)

    def heard_of(self, devices: Iterable[tuple[str, str]]) -> frozenset[int]:
        """The states (by ``order``) to which any of these devices speaks."""
        found: set[int] = set()
        for device in devices:
            found.update(state.order for state in self.devices.get(device, ()))
            for taps in self.series.get(device, {}).values():
                found.update(state.order for state, _ in taps)
        return frozenset(found)


def plan(packs: Packs, registry: Registry, house: HouseTime) -> Plan:
    """Every rule at every place and device where it applies, in the order of registry and packs."""
    made = Plan()
    heard: dict[str, list[Rule]] = {}
    for rule in packs.rules.values():
        for metric in rule.metrics:
            heard.setdefault(metric, []).append(rule)
    places = {(place.site, place.id): place for place in registry.places}
    for device in (*registry.devices, *_house(registry)):
        for rule in packs.rules.values():
            if rule.JUDGES_DEVICES:
                _judge_device(made, registry, places, rule, device, house)
        for binding in _bindings(device, packs):
            where = _where(places, device, binding.place)
            if where is None:
                continue
            for metric in binding.metrics:
                for rule in heard.get(metric, ()):
                    if rule.applies(where, binding.port):
                        place = places.get((device.site, binding.place))
                        _listen(made, registry, rule, device, binding, metric, place, house)
    for rule in packs.rules.values():
        if rule.JUDGES_PLACES:
            for place in registry.places:
                if Where(place.kind.value) in rule.places:
                    _judge_place(made, registry, rule, place, house)
    _listen_near(made, registry, packs, places)
    return made


def _house(registry: Registry) -> Iterator[Device]:
    """The house as a device of the first site: it is one subject, however many sites it serves."""
    for site in registry.sites[:1]:
        yield Device(id=SERVER, site=site.id, names=Names(zh=""), bindings=(), overdue=1.0)


def _bindings(device: Device, packs: Packs) -> Iterator[Binding]:
    """What the device is bound to, and what it may say of itself unbidden."""
    yield from device.bindings
    own = [
        metric
        for rule in packs.rules.values()
        if _itself(device) in rule.places
        for metric in rule.metrics
    ]
    if device.id == SERVER:
        yield Binding(place="", metrics=tuple(dict.fromkeys(own)), interval_s=HOUSE_HOLD_S)
        return
    interval_s = min((b.interval_s for b in device.bindings), default=USUAL_INTERVAL_S)
    yield Binding(place="", metrics=tuple(dict.fromkeys(own)), interval_s=interval_s)


def _itself(device: Device) -> Where:
    return Where.CELL if device.id == SERVER else Where.DEVICE


def _where(places: dict[tuple[str, str], Place], device: Device, place: str) -> Where | None:
    if not place:
        return _itself(device)
    found = places.get((device.site, place))
    return Where(found.kind.value) if found else None


def _listen(
    made: Plan, registry: Registry, rule: Rule, device: Device, binding: Binding, metric: str,
    place: Place | None, house: HouseTime,
) -> None:  # fmt: skip
    subject = rule.subject(device.site, device.id, place, binding.port)
    if subject is None:
        return
    key = (rule.id, intern(str(subject)), device.id if rule.PER_DEVICE else "")
    state = made.states.get(key)
    expected = _expected(registry, device, binding.interval_s, house, subject, place)
    if state is None:
        state = _begin(registry, rule, device.site, binding.place, expected)
        if state is None:
            return
        port = subject.port if subject.kind is SubjectKind.PORT else ""
        _enter(made, key, state, Seat(rule, subject, binding.place, port, device.id))
    _tap(
        made,
        state,
        Series(device.id, binding.place, binding.port, metric, expected.hold_ms),
        device.site,
    )


def _tap(made: Plan, state: State, series: Series, site: str) -> None:
    table = made.series.setdefault((site, series.device), {})
    taps = table.setdefault((series.place, series.port, series.metric), [])
    if not taps or all(tap[0] is not state for tap in taps):
        taps.append((state, state.take_for(series)))


def _listen_near(
    made: Plan, registry: Registry, packs: Packs, places: dict[tuple[str, str], Place]
) -> None:
    """Give the states of some rules what is measured near by, also at places of other kinds."""
    near = {rule.id: rule.near for rule in packs.rules.values() if rule.near}
    wanted = {metric for metrics in near.values() for metric in metrics}
    gauges: dict[str, dict[tuple[str, str], list[tuple[Device, Binding]]]] = {}
    for device in registry.devices:
        for binding in device.bindings:
            spot = (device.site, binding.place)
            for metric in wanted.intersection(binding.metrics):
                if spot in places:
                    measured = gauges.setdefault(metric, {})
                    measured.setdefault(spot, []).append((device, binding))
    found: dict[tuple[str, str, str], list[Place]] = {}
    for key, state in made.states.items():
        for metric in near.get(key[0], ()):
            seat, at = made.seats[key], gauges.get(metric, {})
            spot = (seat.subject.site, seat.place)
            if spot in places and (metric, *spot) not in found:
                found[metric, *spot] = nearest(places[spot], [places[each] for each in at])
            for there in found.get((metric, *spot), ()):
                for device, binding in at[there.site, there.id]:
                    hold_ms = round(binding.interval_s * device.overdue * 1000)
                    series = Series(device.id, binding.place, binding.port, metric, hold_ms)
                    _tap(made, state, series, device.site)


def _judge_place(
    made: Plan, registry: Registry, rule: Rule, place: Place, house: HouseTime
) -> None:
    """One state for the place, whether or not anything is measured there."""
    subject = Subject.of_place(place.site, place.id, "")
    key = (rule.id, str(subject), "")
    state = made.states.get(key)
    if state is None:
        expected = Expected(
            interval_ms=0, hold_ms=0, now_ms=house.last_ms, watched_ms=house.watched_ms,
            subject=subject, place=place, zone=_zone(registry, place.site),
        )  # fmt: skip
        state = _begin(registry, rule, place.site, place.id, expected)
        if state is None:
            return
        _enter(made, key, state, Seat(rule, subject, place.id, "", ""))
    assert isinstance(state, HearingState)
    for other in rule.rules_heard:
        made.rules.setdefault((other, place.site, place.id), []).append(state)
    if rule.hears_warnings:
        made.warned.setdefault(place.site, []).append(state)


def _judge_device(
    made: Plan, registry: Registry, places: dict[tuple[str, str], Place], rule: Rule,
    device: Device, house: HouseTime,
) -> None:  # fmt: skip
    bindings = [
        binding
        for binding in device.bindings
        if (where := _where(places, device, binding.place)) is not None
        and (rule.applies(where, binding.port) or Where.DEVICE in rule.places)
    ]
    if not bindings:
        return
    place = bindings[0].place
    subject = Subject.of_device(device.site, device.id)
    interval_s = min(binding.interval_s for binding in bindings)
    expected = _expected(registry, device, interval_s, house, subject, None)
    state = _begin(registry, rule, device.site, place, expected)
    if not isinstance(state, DeviceState):
        return
    _enter(
        made, (rule.id, str(subject), device.id), state, Seat(rule, subject, place, "", device.id)
    )
    made.devices.setdefault((device.site, device.id), []).append(state)


def _enter(made: Plan, key: Key, state: State, seat: Seat) -> None:
    state.order, state.device = len(made.keys), key[2]
    made.keys.append(key)
    made.states[key], made.seats[key] = state, seat


def _begin(
    registry: Registry, rule: Rule, site: str, place: str, expected: Expected
) -> State | None:
    """A fresh state by the place's numbers; by the rule's own where they do not fit (a named
    problem). None where the place has none, or has switched the rule off."""
    try:
        rule = rule.at(numbers(registry.overrides, rule.id, site, place))
    except ValueError:
        pass
    return rule.begin(expected) if rule.on else None


def _expected(
    registry: Registry, device: Device, interval_s: float, house: HouseTime, subject: Subject,
    place: Place | None,
) -> Expected:  # fmt: skip
    return Expected(
        interval_ms=round(interval_s * 1000),
        hold_ms=round(interval_s * device.overdue * 1000),
        now_ms=house.last_ms,
        watched_ms=house.watched_ms,
        subject=subject,
        place=place,
        zone=_zone(registry, device.site),
    )


def _zone(registry: Registry, site: str) -> str:
    return next((each.time_zone for each in registry.sites if each.id == site), "Asia/Shanghai")
