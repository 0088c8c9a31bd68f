"""Set aside: what the engine says of a rule that fails. It has words and severities, and no state.

The engine itself raises it, on the subject at which a rule has raised an error, and clears it once
that rule has run through again (``faults.py``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import ClassVar, Literal

from alerts.rules.rule import STRICT, Expected, Level, Mistake, Rule, step_mistakes
from alerts.words import IncidentClass, Severity


@dataclass(frozen=True, slots=True, kw_only=True)
class AsideStep:
    """How bad it is when a rule of one of these ``classes`` fails; none: of any."""

    __pydantic_config__: ClassVar = STRICT
    NUMBERS: ClassVar = ()

    severity: Level
    classes: tuple[IncidentClass, ...] = field(default=())


@dataclass(frozen=True, slots=True, kw_only=True)
class Aside(Rule):
    """Stands while some rule is set aside at a subject; listens to nothing."""

    GIVES: ClassVar = frozenset({"rule", "error", "wait"})

    kind: Literal["set-aside"] = "set-aside"
    step: tuple[AsideStep, ...]

    @property
    def steps(self) -> tuple[AsideStep, ...]:
        return self.step

    def severity_for(self, cls: IncidentClass) -> Severity | None:
        """Of the last step that speaks of this class."""
        found = [step.severity for step in self.step if not step.classes or cls in step.classes]
        return found[-1] if found else None

    def begin(self, expected: Expected) -> None:
        return None

    def spell(self) -> Iterator[str]:
        for step in self.step:
            of = f" of class {', '.join(step.classes)}" if step.classes else ""
            yield f"{step.severity.name.lower()}: a rule{of} has failed, and has not run through since"

    def mistakes(self) -> Iterator[Mistake]:
        yield from step_mistakes(self.step)
        if self.metric:
            yield Mistake("metric", "set-aside has no metric", "leave it out")
