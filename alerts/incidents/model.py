"""An incident, its story and its duties, as values."""

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from alerts.words import IncidentClass, Severity
from edge.contract.subject import Subject


class State(StrEnum):
    """``pending`` lives in the rule's state only: an incident is written down once it is open."""

    PENDING = "pending"
    OPEN = "open"
    ACKNOWLEDGED = "acknowledged"
    RECOVERED = "recovered"
    CLOSED = "closed"


DRILL = "drill-"  # before the rule of a drill, so that a real incident stays apart


@dataclass(frozen=True, slots=True, kw_only=True)
class Incident:
    """One ongoing danger: unique by (rule, subject) while it is not closed. Times are aware UTC.

    ``since`` is the first breach, ``opened_at`` when the rule held it for true. ``facts`` are the
    newest transition's figures, from which its words are made in any language.
    """

    id: int
    rule: str
    subject: Subject
    cls: IncidentClass
    severity: Severity
    state: State
    since: datetime
    opened_at: datetime
    place: str = ""
    port: str = ""
    device: str = ""
    metric: str = ""
    value: float | None = None
    limit: float | None = None
    peak: float | None = None
    facts: dict[str, float | str] = field(default_factory=dict)
    acknowledged_by: str = ""
    acknowledged_at: datetime | None = None
    acknowledged_until: datetime | None = None
    recovered_at: datetime | None = None
    closed_at: datetime | None = None
    unconfirmed: bool = False
    false_alarm: bool = False
    relapses: int = 0
    step: int = 0
    """The tier told last, from 0."""
    next_step_at: datetime | None = None
    """When the next tier will be told if nobody takes over; None when nobody will be."""
    told_at: datetime | None = None
    """When this tier was told: written down, or, once a channel took the first notice, that."""
    worst: Severity = Severity.INFO
    """The worst it has been since it opened or came back: what people have been told of."""
    seen_on_site: bool = False
    """The rule has cleared, but somebody found it still there, or nobody proved that it is over:
    only a person ends it."""
    assigned: bool = False
    """Given to ``acknowledged_by``, who has not taken it over yet."""
    returned: tuple[datetime, ...] = ()
    """When it came back of late, and when others of its rule and subject opened (``flapping.py``)."""
    flapping: bool = False
    """People have been told that it keeps coming and going, and hear no more of it until calm."""
    muted_until: datetime | None = None
    """A silence holds it back until then; then it is looked at again, if it is still open."""
    part_of: int | None = None
    """The incident that leads the event this one is a part of; it is told and taken over for both."""
    drill_until: datetime | None = None
    """Only of a drill: when it ends by itself."""
    version: int = 0
    """Rises with each change: acts compare and set it."""

    @property
    def is_drill(self) -> bool:
        return self.drill_until is not None

    @property
    def words_of(self) -> str:
        """The rule whose words it is told in."""
        return self.rule.removeprefix(DRILL) if self.is_drill else self.rule

    @property
    def lasted(self) -> timedelta | None:
        """From the first breach until it recovered; None while it goes on."""
        over = self.recovered_at or self.closed_at
        return None if over is None else max(over - self.since, timedelta(0))


class DutyKind(StrEnum):
    SECOND_LOOK = "second-look"  # 复查
    GO_AND_LOOK = "go-and-look"  # 到现场看看
    CALL_ON = "call-on"  # 回访


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """What somebody told us of an incident; they are called on (回访) when it is over.

    ``reporter`` and ``phone`` are people's data and stand in no other place.
    """

    id: int
    incident: int
    at: datetime
    who: str
    reporter: str
    phone: str = ""
    words: str = ""
    duty: int | None = None
    """The duty to call on them, once it is open."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Duty:
    """Something a person must do. ``person`` is empty until somebody has it."""

    id: int
    incident: int
    kind: DutyKind
    person: str
    opened_at: datetime
    due_at: datetime | None = None
    done_at: datetime | None = None
    done_by: str = ""
    outcome: str = ""
    note: str = ""


class StoryKind(StrEnum):
    """What a line of the story tells."""

    DRILL = "drill"
    FIRST_SIGN = "first-sign"
    OPENED = "opened"
    REOPENED = "reopened"
    SEVERITY = "severity"
    TOLD = "told"
    CLIMBED = "climbed"
    ACKNOWLEDGED = "acknowledged"
    ACKNOWLEDGEMENT_VOID = "acknowledgement-void"
    ASSIGNED = "assigned"
    FLAPPING = "flapping"
    CALM = "calm"
    REPORTED = "reported"
    DECLINED = "declined"
    JOINED = "joined"
    LEFT = "left"
    MUTED = "muted"
    UNMUTED = "unmuted"
    COMMENT = "comment"
    FALSE_ALARM = "false-alarm"
    RECOVERED = "recovered"
    DUTY_OPENED = "duty-opened"
    DUTY_DONE = "duty-done"
    CLOSED = "closed"


@dataclass(frozen=True, slots=True, kw_only=True)
class StoryLine:
    """One change: when, what, who (person id or "" for the house), on whose behalf (代填), from where."""

    at: datetime
    kind: StoryKind
    who: str = ""
    on_behalf_of: str = ""
    origin: str = ""
    facts: dict[str, float | str] = field(default_factory=dict)
