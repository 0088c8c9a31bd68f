"""What came of a trial, as values that the table, the JSON file and the page are made from."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum

from alerts.registry.model import Registry
from alerts.replay import Episode
from alerts.rules.packs import Packs
from alerts.rules.rule import Rule
from alerts.rules.transition import Transition
from alerts.trial.envelope import Envelope
from alerts.trial.matching import Did, Matched
from alerts.trial.span import Span
from alerts.trial.tally import Tally
from alerts.trial.variant import Setting
from alerts.words import IncidentClass, Severity
from collector.stores.port import Series


class SourceKind(StrEnum):
    """From where the readings came. The words are part of the JSON: add, never rename."""

    JOURNAL = "journal"
    STORE = "store"
    CSV = "csv"


@dataclass(frozen=True, slots=True)
class Note:
    """Something to say about the readings: a key of the words, with a time or a text or a number."""

    key: str
    at_ms: int | None = None
    n: int = 0
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Origin:
    """Where readings came from, how many, and what was found to say about them."""

    kind: SourceKind
    name: str
    readings: int = 0
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """What one side said, with its rules and registry at the end."""

    transitions: Sequence[Transition]
    packs: Packs
    registry: Registry


@dataclass(frozen=True, slots=True, kw_only=True)
class AlarmLine:
    """A limit through a chart; ``clear`` is where it is over, None where that is the limit itself."""

    severity: Severity
    value: float
    side: str
    clear: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RuleReport:
    """One rule: would, did (None: nobody knows), and the variant it is laid against (None: none)."""

    id: str
    rule: Rule | None
    cls: IncidentClass
    places: int
    would: Tally
    against: Tally | None
    did: Tally | None
    matched: Matched
    false_alarms: int = 0
    """Incidents that people judged so, and that the replay would not have brought."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """One rule on one subject, with the series that is drawn (None: nothing is measured)."""

    rule: str
    subject: str
    place: str
    metric: str
    series: Series | None
    envelope: Envelope | None
    hold_ms: int
    lines: tuple[AlarmLine, ...]
    pairs: tuple[tuple[Episode, tuple[Did, ...]], ...]
    dids: tuple[Did, ...]
    gone: tuple[Did, ...]
    against: tuple[Episode, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """``rules`` that were asked for, or rang in any column, by how often they rang; ``cards`` alike.

    ``quiet`` counts the other rules that have something to judge here.
    """

    span: Span
    origin: Origin
    registry: Registry
    packs: Packs
    settings: tuple[Setting, ...]
    against: str
    rules: tuple[RuleReport, ...]
    cards: tuple[Card, ...]
    quiet: int
    knows_reality: bool
    untold: int
    """Ringings of reality about which the readings say nothing, such as a device that has none."""
    transitions: tuple[Transition, ...] = field(repr=False)
