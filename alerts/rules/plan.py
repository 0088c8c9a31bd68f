"""The plan: which states listen to which series, from the packs and the registry."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from alerts.registry.model import Binding, Device, Names, Place, Registry
from alerts.rules.house import HouseTime
from alerts.rules.packs import Packs
from alerts.rules.rule import DeviceState, Expected, Rule, State, Take, Where, numbers
from edge.contract.subject import Subject
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

    def withdraw(self, key: Key) -> State | None:
        """Take a state out of everything that would feed it."""
        state = self.states.pop(key, None)
        for table in self.series.values():
            for series, taps in table.items():
                if any(tap[0] is state for tap in taps):
                    # A new list: the engine may be walking the old one.
                    table[series] = [tap for tap in taps if tap[0] is not state]
        for device, listeners in self.devices.items():
            self.devices[device] = [each for each in listeners if each is not state]
        return state


def plan(packs: Packs, registry: Registry, house: HouseTime) -> Plan:
    """Every rule at every place and device where it applies, in the order of registry and packs."""
    made = Plan()
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
                for rule in packs.rules.values():
                    if metric in rule.metrics and rule.applies(where, binding.port):
                        _listen(made, registry, rule, device, binding, metric, house)
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
    house: HouseTime,
) -> None:  # fmt: skip
    subject = rule.subject(device.site, device.id, binding.place, binding.port)
    key = (rule.id, str(subject), device.id if rule.PER_DEVICE else "")
    state = made.states.get(key)
    if state is None:
        expected = _expected(device, binding.interval_s, house)
        state = _here(registry, rule, device.site, binding.place).begin(expected)
        if state is None:
            return
        _enter(made, key, state, Seat(rule, subject, binding.place, binding.port, device.id))
    table = made.series.setdefault((device.site, device.id), {})
    taps = table.setdefault((binding.place, binding.port, metric), [])
    if all(tap[0] is not state for tap in taps):
        taps.append((state, state.take_for(metric)))


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
    expected = _expected(device, min(binding.interval_s for binding in bindings), house)
    state = _here(registry, rule, device.site, place).begin(expected)
    if not isinstance(state, DeviceState):
        return
    subject = rule.subject(device.site, device.id, place, "")
    _enter(
        made, (rule.id, str(subject), device.id), state, Seat(rule, subject, place, "", device.id)
    )
    made.devices.setdefault((device.site, device.id), []).append(state)


def _enter(made: Plan, key: Key, state: State, seat: Seat) -> None:
    state.order, state.device = len(made.keys), key[2]
    made.keys.append(key)
    made.states[key], made.seats[key] = state, seat


def _here(registry: Registry, rule: Rule, site: str, place: str) -> Rule:
    """The rule with the place's numbers; without them where they do not fit (a named problem)."""
    try:
        return rule.at(numbers(registry.overrides, rule.id, site, place))
    except ValueError:
        return rule


def _expected(device: Device, interval_s: float, house: HouseTime) -> Expected:
    return Expected(
        interval_ms=round(interval_s * 1000),
        hold_ms=round(interval_s * device.overdue * 1000),
        now_ms=house.last_ms,
        watched_ms=house.watched_ms,
    )
