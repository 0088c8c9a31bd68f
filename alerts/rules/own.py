"""What a device may say of itself: the states of rules that apply to every device.

Most devices never say most of it, so a state is made by its first reading; it is as if it had been
there from the beginning.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from alerts.rules.ears import Ears
from alerts.rules.rule import Rule, State, Where

Begin = Callable[[Ears, Rule, int], State | None]
"""A fresh state of this rule, the n-th of its device's; None where it has none."""


def is_own(rule: Rule) -> bool:
    """Whether its states are all alike until the first reading of the one metric that they hear."""
    return (
        rule.applies(Where.DEVICE, "")
        and rule.PER_DEVICE
        and rule.IS_TIMELESS
        and not (rule.JUDGES_DEVICES or rule.JUDGES_PLACES or rule.near)
        and len(rule.metrics) == 1
    )


def _none(ears: Ears, rule: Rule, nth: int) -> State | None:
    return None


@dataclass(slots=True)
class Own:
    """The rules, and by metric those that hear it, in the order of the packs."""

    rules: dict[str, Rule] = field(default_factory=dict)
    metrics: dict[str, list[Rule]] = field(default_factory=dict)
    _begin: Begin = _none

    @classmethod
    def of(cls, rules: Sequence[Rule], begin: Begin) -> "Own":
        own = cls(_begin=begin)
        for rule in filter(is_own, rules):
            own.rules[rule.id] = rule
            own.metrics.setdefault(rule.metrics[0], []).append(rule)
        return own

    def begin(self, ears: Ears, rule: Rule) -> State | None:
        """Its place is behind the states that were planned for the device."""
        return self._begin(ears, rule, ears.count + list(self.rules).index(rule.id))
