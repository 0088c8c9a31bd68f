"""The alarm lines that the rules draw through the charts of one place."""

from dataclasses import dataclass

from alerts.registry.model import Names, Place, Registry
from alerts.words import Severity
from dashboards.ports import Packs


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    """One limit of one rule for one metric; ``side`` is "above" or "below"."""

    rule: str
    names: Names
    metric: str
    severity: Severity
    value: float
    side: str


def alarm_lines(packs: Packs, registry: Registry, place: Place) -> list[AlarmLine]:
    """Least severe first; a value that several rules share stands once, as its worst."""
    worst: dict[tuple[str, float, str], AlarmLine] = {}
    for name, rule in packs.rules.items():
        if not rule.metric:
            continue
        for severity, value, side in rule.limits(registry, place):
            key = (rule.metric, value, side)
            if key not in worst or worst[key].severity < severity:
                worst[key] = AlarmLine(
                    rule=name,
                    names=rule.names,
                    metric=rule.metric,
                    severity=severity,
                    value=value,
                    side=side,
                )
    return sorted(worst.values(), key=lambda line: (line.metric, line.severity, line.value))
