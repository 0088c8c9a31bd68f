"""Planning: every rule at every place and device where it applies, in the order of registry and packs."""

from collections.abc import Iterator, Mapping

from alerts.registry.model import Binding, Device, Names, Place, PlaceKind, Registry
from alerts.rules.ears import Ears, Patterns
from alerts.rules.house import HouseTime
from alerts.rules.near import nearest
from alerts.rules.outage import counts
from alerts.rules.own import Own, is_own
from alerts.rules.packs import Packs
from alerts.rules.plan import Plan
from alerts.rules.rule import (
    DeviceState,
    Ear,
    Expected,
    HearingState,
    Rule,
    Seat,
    Series,
    State,
    Where,
    numbers,
)
from edge.contract.subject import Subject, SubjectKind
from edge.contract.topics import SERVER

USUAL_INTERVAL_S = 900.0  # as Binding.interval_s
HOUSE_HOLD_S = 900.0  # what the house says of itself holds so long: three of its heartbeats

_Spot = tuple[str, str]
"""Site and place; or place and port."""
_Heard = dict[_Spot, dict[str, list[Ear]]]
"""By place and port, and by metric, who hears it."""


def plan(packs: Packs, registry: Registry, house: HouseTime) -> Plan:
    """The states for these packs and this registry, all fresh."""
    return _Planner(packs, registry, house).plan()


class _Planner:
    def __init__(self, packs: Packs, registry: Registry, house: HouseTime) -> None:
        self.rules = list(packs.rules.values())
        self.registry = registry
        self.house = house
        self.places = {(place.site, place.id): place for place in registry.places}
        self.zones = {site.id: site.time_zone for site in reversed(registry.sites)}
        self.heard: dict[str, list[Rule]] = {}
        for rule in self.rules:
            for metric in rule.metrics:
                self.heard.setdefault(metric, []).append(rule)
        self.made = Plan(own=Own.of(self.rules, self._begin_own))
        self.patterns = Patterns()
        self.at_home = _at_home(registry, self.places)
        self.count = 0
        """Places in the order that are taken."""
        self.together: dict[tuple[str, Subject], State] = {}
        """States that judge several devices as one."""
        self.seats: dict[Subject, Seat] = {}
        """The first of each subject's."""
        self.shared: set[Subject] = set()
        """Of which several devices tell."""

    def plan(self) -> Plan:
        for device in (*self.registry.devices, *_house(self.registry)):
            self._device(device)
        for rule in self.rules:
            if rule.JUDGES_PLACES:
                for place in self.registry.places:
                    if Where(place.kind.value) in rule.places:
                        self._judge_place(rule, place)
        self._listen_near()
        if self.shared:
            for state in self.made.states:
                if state.seat.subject in self.shared:
                    rule_id, subject, _ = state.key
                    self.made.firsts.setdefault((rule_id, subject), state)
        return self.made

    def _device(self, device: Device) -> None:
        made = _Made(Ears(device, self.count))
        for rule in self.rules:
            if rule.JUDGES_DEVICES:
                self._judge_device(made, rule)
        for binding in self._bindings(device):
            where = self._where(device, binding.place)
            if where is None:
                continue
            for metric in binding.metrics:
                for rule in self.heard.get(metric, ()):
                    if rule.applies(where, binding.port):
                        self._listen(made, rule, binding, metric)
        ears = made.ears
        ears.spots = tuple(
            self.patterns.spot(place, port, heard) for (place, port), heard in made.heard.items()
        )
        self.count += ears.count + len(self.made.own.rules)
        self.made.ears.setdefault(device.site, {})[device.id] = ears

    def _bindings(self, device: Device) -> Iterator[Binding]:
        """What the device is bound to, and what it may say of itself unbidden."""
        yield from device.bindings
        where = _itself(device)
        by_itself = all(binding.place for binding in device.bindings)
        own = [
            metric
            for rule in self.rules
            if where in rule.places and not (where is Where.DEVICE and by_itself and is_own(rule))
            for metric in rule.metrics
        ]
        yield Binding(place="", metrics=tuple(dict.fromkeys(own)), interval_s=_interval_s(device))

    def _where(self, device: Device, place: str) -> Where | None:
        if not place:
            return _itself(device)
        found = self.places.get((device.site, place))
        return Where(found.kind.value) if found else None

    def _listen(self, made: "_Made", rule: Rule, binding: Binding, metric: str) -> None:
        device = made.ears.device
        place = self.places.get((device.site, binding.place))
        subject = rule.subject(device.site, device.id, place, binding.port)
        if subject is None:
            return
        key = rule.id, subject
        states = made.states if rule.PER_DEVICE else self.together
        state = states.get(key)
        expected = self._expected(device, binding.interval_s, subject, place)
        if state is None:
            state = self._begin(rule, device.site, binding.place, expected)
            if state is None:
                return
            states[key] = state
            self._enter(made, rule, state, subject, binding.place)
        heard = made.heard.setdefault((binding.place, binding.port), {}).setdefault(metric, [])
        if all(ear.state is not state for ear in heard):
            heard.append(state.ear(made.series(binding, metric, expected.hold_ms)))

    def _judge_device(self, made: "_Made", rule: Rule) -> None:
        device = made.ears.device
        bindings = [
            binding
            for binding in device.bindings
            if (where := self._where(device, binding.place)) is not None
            and (rule.applies(where, binding.port) or Where.DEVICE in rule.places)
        ]
        if not bindings:
            return
        place = bindings[0].place
        subject = Subject.of_device(device.site, device.id)
        interval_s = min(binding.interval_s for binding in bindings)
        expected = self._expected(device, interval_s, subject, None)
        state = self._begin(rule, device.site, place, expected)
        if isinstance(state, DeviceState):
            self._enter(made, rule, state, subject, place)
            made.ears.judges = (*made.ears.judges, state)

    def _judge_place(self, rule: Rule, place: Place) -> None:
        """One state for the place, whether or not anything is measured there."""
        subject = Subject.of_place(place.site, place.id, "")
        state = self.together.get((rule.id, subject))
        if state is None:
            expected = Expected(
                interval_ms=0, hold_ms=0, now_ms=self.house.last_ms,
                watched_ms=self.house.watched_ms, subject=subject, place=place,
                zone=self._zone(place.site), at_home=self.at_home.get(place.site, {}),
            )  # fmt: skip
            state = self._begin(rule, place.site, place.id, expected)
            if state is None:
                return
            seat = Seat(subject, place.id, "", "", self.count)
            self.count += 1
            state.rule, state.seat, state.nth = rule, seat, 0
            self.made.states.append(state)
        assert isinstance(state, HearingState)
        if rule.rules_heard:
            places = self.made.hearing.setdefault(place.site, {})
            for spot in state.hears_at:
                places.setdefault(spot, []).append(state)
        if rule.hears_warnings:
            self.made.warned.setdefault(place.site, []).append(state)

    def _listen_near(self) -> None:
        """Give the states of some rules what is measured near by, also at places of other kinds."""
        wanted = {metric for rule in self.rules for metric in rule.near}
        gauges: dict[str, dict[_Spot, list[tuple[Device, Binding]]]] = {}
        for device in self.registry.devices:
            for binding in device.bindings:
                spot = (device.site, binding.place)
                for metric in wanted.intersection(binding.metrics):
                    if spot in self.places:
                        measured = gauges.setdefault(metric, {})
                        measured.setdefault(spot, []).append((device, binding))
        if not gauges:
            return
        found: dict[tuple[str, str, str], list[Place]] = {}
        heard: dict[_Spot, _Heard] = {}
        for state in self.made.states:
            for metric in state.rule.near:
                at, spot = gauges.get(metric, {}), (state.seat.subject.site, state.seat.place)
                if spot in self.places and (metric, *spot) not in found:
                    gauged = [self.places[each] for each in at]
                    found[metric, *spot] = nearest(self.places[spot], gauged)
                for there in found.get((metric, *spot), ()):
                    for device, binding in at[there.site, there.id]:
                        spots = heard.setdefault((device.site, device.id), {})
                        self._listen_there(spots, state, device, binding, metric)
        for (site, name), spots in heard.items():
            ears = self.made.ears[site][name]
            more = [self.patterns.spot(*spot, by_metric) for spot, by_metric in spots.items()]
            ears.spots = (*ears.spots, *more)

    def _listen_there(
        self, spots: _Heard, state: State, device: Device, binding: Binding, metric: str
    ) -> None:
        known = spots.setdefault((binding.place, binding.port), {}).setdefault(metric, [])
        ears = self.made.ears[device.site][device.id]
        before = ears.of(binding.place, binding.port, metric)
        if all(ear.state is not state for ear in (*before, *known)):
            hold_ms = round(binding.interval_s * device.overdue * 1000)
            series = Series.of(device.id, binding.place, binding.port, metric, hold_ms)
            known.append(state.ear(series))

    def _enter(self, made: "_Made", rule: Rule, state: State, subject: Subject, place: str) -> None:
        ears = made.ears
        port = subject.port if subject.kind is SubjectKind.PORT else ""
        seat = made.seats.get((subject, place))
        if seat is None:
            seat = Seat(subject, place, port, ears.device.id, ears.first)
            made.seats[subject, place] = seat
            first = self.seats.setdefault(subject, seat)
            if first.device != seat.device:
                self.shared.add(subject)
        state.rule, state.seat, state.nth = rule, seat, ears.count
        ears.count += 1
        self.made.states.append(state)

    def _begin_own(self, ears: Ears, rule: Rule, nth: int) -> State | None:
        device = ears.device
        if not all(binding.place for binding in device.bindings):
            return None  # its states were planned, with what it is bound to
        subject = Subject.of_device(device.site, device.id)
        expected = self._expected(device, _interval_s(device), subject, None)
        state = self._begin(rule, device.site, "", expected)
        if state is not None:
            known = next((ear.state.seat for ear in ears.own()), None)
            state.seat = known or Seat(subject, "", "", device.id, ears.first)
            state.rule, state.nth = rule, nth
        return state

    def _begin(self, rule: Rule, site: str, place: str, expected: Expected) -> State | None:
        """A fresh state by the place's numbers; by the rule's own where they do not fit (a named
        problem). None where the place has none, or has switched the rule off."""
        try:
            rule = rule.at(numbers(self.registry.overrides, rule.id, site, place))
        except ValueError:
            pass
        return rule.begin(expected) if rule.on else None

    def _expected(
        self, device: Device, interval_s: float, subject: Subject, place: Place | None
    ) -> Expected:
        return Expected(
            interval_ms=round(interval_s * 1000),
            hold_ms=round(interval_s * device.overdue * 1000),
            now_ms=self.house.last_ms,
            watched_ms=self.house.watched_ms,
            subject=subject,
            place=place,
            zone=self._zone(device.site),
        )

    def _zone(self, site: str) -> str:
        return self.zones.get(site, "Asia/Shanghai")


class _Made:
    """What has been made for one device so far."""

    def __init__(self, ears: Ears) -> None:
        self.ears = ears
        self.states: dict[tuple[str, Subject], State] = {}
        self.seats: dict[tuple[Subject, str], Seat] = {}
        self.heard: _Heard = {}
        self._series: dict[tuple[str, str, str, int], Series] = {}

    def series(self, binding: Binding, metric: str, hold_ms: int) -> Series:
        """One for all rules, whose states keep its key."""
        key = binding.place, binding.port, metric, hold_ms
        found = self._series.get(key)
        if found is None:
            device = self.ears.device.id
            found = Series.of(device, binding.place, binding.port, metric, hold_ms)
            self._series[key] = found
        return found


def _at_home(
    registry: Registry, places: Mapping[_Spot, Place]
) -> dict[str, dict[str, list[Subject]]]:
    """By site and shed, the devices whose silence tells of the mains there; elsewhere boxes live on
    the sun."""
    found: dict[str, dict[str, list[Subject]]] = {}
    for device in registry.devices:
        homes = [
            place.id
            for binding in device.bindings
            if (place := places.get((device.site, binding.place))) is not None
            and place.kind is PlaceKind.SHED
        ]
        if homes and counts(device):
            at = found.setdefault(device.site, {}).setdefault(homes[0], [])
            at.append(Subject.of_device(device.site, device.id))
    return found


def _house(registry: Registry) -> Iterator[Device]:
    """The house as a device of the first site: it is one subject, however many sites it serves."""
    for site in registry.sites[:1]:
        yield Device(id=SERVER, site=site.id, names=Names(zh=""), bindings=(), overdue=1.0)


def _itself(device: Device) -> Where:
    return Where.CELL if device.id == SERVER else Where.DEVICE


def _interval_s(device: Device) -> float:
    """How often the device is expected to say what it says of itself."""
    if device.id == SERVER:
        return HOUSE_HOLD_S
    return min((b.interval_s for b in device.bindings), default=USUAL_INTERVAL_S)
