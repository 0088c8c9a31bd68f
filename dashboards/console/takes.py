"""What the routes take: path, query and body as frozen values, validated by pydantic at the door."""

from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, Any, ClassVar, Literal

from pydantic import AwareDatetime, Field, Strict, StringConstraints
from pydantic.types import PositiveInt

from edge.contract.ids import ID_PATTERN

STRICT: dict[str, Any] = {"extra": "forbid"}

Id = Annotated[str, StringConstraints(pattern=f"^{ID_PATTERN}$")]
Cursor = Annotated[str, StringConstraints(pattern=r"^[0-9]{1,18}$")]
Words = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=500)]
Note = Annotated[str, StringConstraints(strip_whitespace=True, max_length=500)]
Name = Annotated[str, StringConstraints(strip_whitespace=True, max_length=64)]
Lang = Literal["zh", "en"]
PageSize = Annotated[PositiveInt, "at most 200"]

RANGES = {"6h": 6, "24h": 24, "30h": 30, "7d": 7 * 24, "30d": 30 * 24, "1y": 366 * 24}
"""The ranges of a place's page, in hours."""
Range = Literal["6h", "24h", "30h", "7d", "30d", "1y"]


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingPath:
    __pydantic_config__: ClassVar = STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class NothingQuery:
    __pydantic_config__: ClassVar = STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class BySite:
    __pydantic_config__: ClassVar = STRICT
    site: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPlace:
    __pydantic_config__: ClassVar = STRICT
    site: Id
    place: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class ByDevice:
    __pydantic_config__: ClassVar = STRICT
    site: Id
    device: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class ByIncident:
    __pydantic_config__: ClassVar = STRICT
    incident: PositiveInt


@dataclass(frozen=True, slots=True, kw_only=True)
class ByRule:
    __pydantic_config__: ClassVar = STRICT
    rule: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class BySilence:
    __pydantic_config__: ClassVar = STRICT
    silence: PositiveInt


@dataclass(frozen=True, slots=True, kw_only=True)
class ByBrowser:
    __pydantic_config__: ClassVar = STRICT
    browser: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class ByPost:
    __pydantic_config__: ClassVar = STRICT
    post: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class ByToken:
    __pydantic_config__: ClassVar = STRICT
    token: Annotated[str, StringConstraints(max_length=200)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByDuty:
    __pydantic_config__: ClassVar = STRICT
    duty: PositiveInt


# Pages leave unknown parameters alone: chat apps add their own to a link.
@dataclass(frozen=True, slots=True, kw_only=True)
class PageQuery:
    lang: Lang | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class PlacePageQuery:
    lang: Lang | None = None
    range: Range | None = None
    incident: PositiveInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsPageQuery:
    lang: Lang | None = None
    before: Cursor | None = None
    after: Cursor | None = None
    """So many of the open ones are left out: they stand on the pages before."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LanguageQuery:
    __pydantic_config__: ClassVar = STRICT
    lang: Lang = "zh"


@dataclass(frozen=True, slots=True, kw_only=True)
class IncidentsQuery:
    """``state``: open is everything that is not closed. ``site`` and ``place`` go together."""

    __pydantic_config__: ClassVar = STRICT
    state: Literal["open", "closed", "all"] = "all"
    site: Id | None = None
    place: Id | None = None
    lang: Lang = "zh"
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class NoticesQuery:
    __pydantic_config__: ClassVar = STRICT
    incident: PositiveInt | None = None
    cursor: Cursor | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ChartQuery:
    """From ``since`` to ``until``, at most ``most`` buckets a series."""

    __pydantic_config__: ClassVar = STRICT
    since: AwareDatetime
    until: AwareDatetime
    most: PositiveInt = 600


@dataclass(frozen=True, slots=True, kw_only=True)
class EventsQuery:
    """Readings of one site, or of one place of it; without, of all."""

    __pydantic_config__: ClassVar = STRICT
    site: Id | None = None
    place: Id | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Acting:
    """``who`` is a person's id; sign-in will put it in. ``on_behalf_of``: who phoned (代填).

    With the ``version`` that was seen, the act is refused when the incident has changed since.
    """

    __pydantic_config__: ClassVar = STRICT
    who: Id
    on_behalf_of: Name = ""
    version: PositiveInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class AcknowledgeBody(Acting):
    __pydantic_config__: ClassVar = STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class AssignBody(Acting):
    __pydantic_config__: ClassVar = STRICT
    to: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class CommentBody(Acting):
    __pydantic_config__: ClassVar = STRICT
    text: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class FalseAlarmBody(Acting):
    __pydantic_config__: ClassVar = STRICT
    reason: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class CloseBody(Acting):
    __pydantic_config__: ClassVar = STRICT
    note: Note = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ConfirmBody(Acting):
    __pydantic_config__: ClassVar = STRICT
    outcome: Literal["fine", "still-there"]
    note: Note = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class CalledOnBody(Acting):
    __pydantic_config__: ClassVar = STRICT
    outcome: Literal["content", "not-content", "unreached"]
    note: Note = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class ReportBody(Acting):
    """Somebody told us of it: their name and, if they gave it, their phone."""

    __pydantic_config__: ClassVar = STRICT
    reporter: Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=64)]
    phone: Annotated[str, StringConstraints(strip_whitespace=True, max_length=32)] = ""
    words: Note = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class SilenceBody:
    """Nobody is called for what it names; "" names everything.

    ``since`` left out is now; without an offset it is the site's own time.
    """

    __pydantic_config__: ClassVar = STRICT
    who: Id
    why: Words
    site: Id
    place: Id | Literal[""] = ""
    device: Id | Literal[""] = ""
    rule: Id | Literal[""] = ""
    kind: Literal["silence", "maintenance"] = "silence"
    since: datetime | None = None
    hours: Annotated[float, Strict(False), Field(gt=0, le=720)]


@dataclass(frozen=True, slots=True, kw_only=True)
class ByWhomBody:
    __pydantic_config__: ClassVar = STRICT
    who: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class HandOverBody:
    """``holder`` has the post's phone from now on."""

    __pydantic_config__: ClassVar = STRICT
    who: Id
    holder: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class SnoozeBody:
    """No notices to ``who`` for so many ``hours`` (0 takes it back): of one incident, or of all
    that are not fire, flood or safety."""

    __pydantic_config__: ClassVar = STRICT
    who: Id
    hours: Annotated[float, Field(ge=0, le=24)]
    incident: PositiveInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BrowserBody:
    """A browser's PushSubscription: ``who`` wants notices there, and nobody else from now on.

    ``replaces`` is the id that this very browser had before.
    """

    __pydantic_config__: ClassVar = STRICT
    who: Id
    endpoint: Annotated[str, StringConstraints(min_length=1, max_length=2000)]
    p256dh: Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{87}=?$")]
    auth: Annotated[str, StringConstraints(pattern="^[A-Za-z0-9_-]{22}(==)?$")]
    replaces: Id | Literal[""] = ""


# By a link: who acts stands in the link.
@dataclass(frozen=True, slots=True, kw_only=True)
class NothingBody:
    __pydantic_config__: ClassVar = STRICT


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedTakeBody:
    """With the ``version`` that was seen it may be taken over from somebody, or kept for longer."""

    __pydantic_config__: ClassVar = STRICT
    version: PositiveInt | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedSnoozeBody:
    """``hours`` 0 takes it back."""

    __pydantic_config__: ClassVar = STRICT
    hours: Literal[0, 1] = 1


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedCommentBody:
    __pydantic_config__: ClassVar = STRICT
    text: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedFalseAlarmBody:
    __pydantic_config__: ClassVar = STRICT
    reason: Words


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedLookBody:
    __pydantic_config__: ClassVar = STRICT
    outcome: Literal["fine", "still-there"]
    note: Note = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkedWhoBody:
    """Who is there, behind a group's link."""

    __pydantic_config__: ClassVar = STRICT
    person: Id


@dataclass(frozen=True, slots=True, kw_only=True)
class SilencesQuery:
    """``now`` leaves out what is over."""

    __pydantic_config__: ClassVar = STRICT
    state: Literal["now", "all"] = "now"


@dataclass(frozen=True, slots=True, kw_only=True)
class CompletenessQuery:
    """``cursor`` pages the gaps."""

    __pydantic_config__: ClassVar = STRICT
    cursor: Cursor | None = None
