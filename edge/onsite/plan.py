"""What ``edge.toml`` says of guard, outputs, button, announcer and commands.

Without their tables nothing of them is loaded.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from edge.sensors.port import Series
from edge.table import Table

if TYPE_CHECKING:
    from edge.announcer.voice import AnnouncerPlan
    from edge.guard.rule import Rule
    from edge.outputs.button import ButtonPlan
    from edge.outputs.plan import OutputPlan

TABLES = ("guard", "output", "button", "announcer", "command")


@dataclass(frozen=True, slots=True, kw_only=True)
class OnsitePlan:
    """What the file says of all of it."""

    rules: "tuple[Rule, ...]" = ()
    outputs: "tuple[OutputPlan, ...]" = ()
    button: "ButtonPlan | None" = None
    announcer: "AnnouncerPlan | None" = None
    key: bytes | None = field(default=None, repr=False)


def read(top: Table, folder: Path, paces: Mapping[Series, float]) -> OnsitePlan:
    """The tables of all of it; mistakes are complained of to them.

    ``paces`` are the series that this box's sensors give, with the seconds between two samples.
    """
    if not any(name in top for name in TABLES):
        return OnsitePlan()
    from edge.announcer.voice import read_announcer
    from edge.guard.rule import read_rules
    from edge.onsite.commands import read_key
    from edge.outputs.button import read_button
    from edge.outputs.kinds import read_outputs
    from edge.outputs.plan import Wiring

    button = read_button(top)
    outputs = read_outputs(top, paces, has_button=button is not None)
    buzzers = tuple(each.name for each in outputs if each.wiring is Wiring.BUZZER)
    switches = tuple(each.name for each in outputs if each.wiring is not Wiring.BUZZER)
    return OnsitePlan(
        rules=read_rules(top, paces, switches, buzzers),
        outputs=outputs,
        button=button,
        announcer=read_announcer(top, buzzers),
        key=read_key(top, folder),
    )
