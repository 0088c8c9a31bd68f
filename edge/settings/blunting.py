"""What no setting by wire may do to a guard, beside the limits that ``remote`` holds. Pure."""

from collections.abc import Iterable

from edge.config import EdgeConfig

RESTARTING = ("sensor.", "guard.")  # keys that a running agent cannot take up
_HOLD = "hold"  # edge.outputs.plan.Wiring.HOLD, whose module only a box with outputs loads


def slowed(file: EdgeConfig, wished: EdgeConfig) -> list[str]:
    """A sensor that a guard looks at may be asked more often than by the file, not less."""
    watched = {rule.series for rule in file.onsite.rules}
    watched |= {output.proof.series for output in file.onsite.outputs if output.proof}
    return [
        f"sensor.{was.name}.interval_s: a guard looks at it, and it would be asked less often than "
        f"by the file; that needs hands on the device"
        for was, now in zip(file.sensors, wished.sensors, strict=True)
        if watched.intersection(was.plan.gives) and now.plan.pace_s > was.plan.pace_s
    ]


def dropped_power(file: EdgeConfig, changed: Iterable[str]) -> list[str]:
    """A restart opens what is held closed, and only a hand at the box closes it again."""
    held = ", ".join(each.name for each in file.onsite.outputs if each.wiring.value == _HOLD)
    return [
        f"{key}: it needs a restart, which would open output {held}; that needs hands on the device"
        for key in sorted(changed)
        if held and key.startswith(RESTARTING)
    ]
