"""The alarm lines that the rules draw through the charts of one place."""

from dataclasses import dataclass

from alerts.registry.model import Names, Place, PlaceKind, Registry
from alerts.rules.rule import Where
from alerts.words import Severity
from dashboards.ports import Packs


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    """One limit of one rule for one metric; ``side`` is "above" or "below".

    ``at_port`` and ``at_place`` say through which series it runs: those with a port, those without.
    """

    rule: str
    names: Names
    metric: str
    severity: Severity
    value: float
    side: str
    at_port: bool
    at_place: bool

    def runs_through(self, metric: str, port: str) -> bool:
        return metric == self.metric and (self.at_port if port else self.at_place)


class LinesByPlace:
    """``alarm_lines`` of many places: those of a kind whose numbers nobody has changed share theirs."""

    def __init__(self, packs: Packs, registry: Registry) -> None:
        self._packs = packs
        self._registry = registry
        self._changed = {override.place for override in registry.overrides}
        self._by_kind: dict[PlaceKind, list[AlarmLine]] = {}

    def of(self, place: Place) -> list[AlarmLine]:
        if not self._changed.isdisjoint((place.id, f"{place.site}/{place.id}")):
            return alarm_lines(self._packs, self._registry, place)
        lines = self._by_kind.get(place.kind)
        if lines is None:
            lines = self._by_kind[place.kind] = alarm_lines(self._packs, self._registry, place)
        return lines


def alarm_lines(packs: Packs, registry: Registry, place: Place) -> list[AlarmLine]:
    """Those of the rules that apply to this kind of place, least severe first.

    A value that several rules share stands once, as its worst.
    """
    where = Where(place.kind.value)
    worst: dict[tuple[str, float, str, bool, bool], AlarmLine] = {}
    for name, rule in packs.rules.items():
        at_place, at_port = rule.applies(where, ""), rule.applies(where, "any")
        if not rule.metric or not (at_place or at_port):
            continue
        for severity, value, side in rule.limits(registry, place):
            key = (rule.metric, value, side, at_place, at_port)
            if key not in worst or worst[key].severity < severity:
                worst[key] = AlarmLine(
                    rule=name,
                    names=rule.names,
                    metric=rule.metric,
                    severity=severity,
                    value=value,
                    side=side,
                    at_port=at_port,
                    at_place=at_place,
                )
    return sorted(worst.values(), key=lambda line: (line.metric, line.severity, line.value))
