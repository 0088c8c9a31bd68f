"""Transition: what a rule says has changed. Its key is unique, so repeating one is harmless."""

from dataclasses import dataclass, field
from enum import StrEnum

from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject

SOURCE, UNTRUSTED = "source", "untrusted"  # a fact and its word


class Change(StrEnum):
    RAISED = "raised"
    SEVERITY = "severity"  # risen or fallen while raised
    CLEARED = "cleared"


@dataclass(frozen=True, slots=True, kw_only=True)
class Transition:
    """One change of one rule on one subject.

    Unique by (rule, subject, journal, position, nth): a record of many readings may bring several
    changes, ``nth`` counts them. ``since_ms`` is when the danger began (the first breach), ``at_ms``
    when the rule held it for true (both observed time); ``seen_ms`` when the record arrived.
    ``facts`` are the figures that messages show: numbers in the metric's unit, and short words.
    One that an untrusted source has brought about says so in them.
    """

    rule: str
    subject: Subject
    journal: str
    position: int
    nth: int
    change: Change
    cls: IncidentClass
    severity: Severity
    at_ms: int
    since_ms: int
    seen_ms: int
    place: str = ""
    port: str = ""
    device: str = ""
    metric: str = ""
    value: float | None = None
    limit: float | None = None
    peak: float | None = None
    facts: dict[str, float | str] = field(default_factory=dict)

    @property
    def is_untrusted(self) -> bool:
        """Whether anybody could have said what brought it about."""
        return self.facts.get(SOURCE) == UNTRUSTED

    @property
    def key(self) -> tuple[str, str, str, int, int]:
        return (self.rule, str(self.subject), self.journal, self.position, self.nth)
