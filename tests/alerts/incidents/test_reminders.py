"""Who is reminded, when, and who never is: tables of the pure decision."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from alerts.incidents.duties import Waiting, ends_at
from alerts.incidents.model import Duty, DutyKind, Incident, State
from alerts.incidents.reminders import Due, Mark, due, moments
from alerts.incidents.roster import Roster
from alerts.incidents.silences import Silence, SilenceKind, Snooze
from alerts.incidents.who import Reason, zone_of
from alerts.registry.model import (
    Address,
    Away,
    ChannelKind,
    Person,
    PostRole,
    Registry,
    Rota,
    Turn,
)
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import (
    ADDRESSLESS,
    CHIEF,
    GUARD,
    MEI,
    REACH,
    REGISTRY,
    SHED,
    WEN,
    mail,
)

HOUR = timedelta(hours=1)
MINUTE = timedelta(minutes=1)
MONDAY = datetime(2026, 5, 3, 16, 0, tzinfo=UTC)  # midnight in Shanghai


def at(clock: str, day: int = 0) -> datetime:
    """That time of day in Shanghai, on Monday or so many days after."""
    hour, minute = map(int, clock.split(":"))
    return MONDAY + timedelta(days=day, hours=hour, minutes=minute)


def waits(
    duty: int = 1,
    opened: str | datetime = "00:30",
    kind: DutyKind = DutyKind.SECOND_LOOK,
    person: str = "",
    declined: Sequence[str] = (),
    *,
    done: datetime | None = None,
    by_river: bool = False,
    **fields: Any,
) -> Waiting:
    """An open duty of a shed that has recovered; the reach's, ``by_river``."""
    opened_at = at(opened) if isinstance(opened, str) else opened
    incident = Incident(
        id=fields.pop("incident", duty),
        rule="eb-smoke",
        subject=REACH if by_river else SHED,
        cls=IncidentClass.POLLUTION if by_river else IncidentClass.FIRE,
        severity=Severity.MAJOR,
        worst=Severity.MAJOR,
        state=State.RECOVERED,
        since=opened_at - HOUR,
        opened_at=opened_at - HOUR,
        recovered_at=opened_at,
        place="laobakou" if by_river else "shed-1",
    )
    return Waiting(
        duty=Duty(
            id=duty,
            incident=incident.id,
            kind=kind,
            person=person,
            opened_at=opened_at,
            done_at=done,
        ),
        incident=replace(incident, **fields),
        declined=frozenset(declined),
    )


def people(*changed: Person) -> Registry:
    by_id = {person.id: person for person in changed}
    known = tuple(by_id.pop(person.id, person) for person in REGISTRY.people)
    return replace(REGISTRY, people=known + tuple(by_id.values()))


def told(found: Due) -> list[tuple[str, list[int]]]:
    """Who gets a message, and of which duties."""
    return [
        (one.person.id, [item.waiting.duty.id for item in one.items]) for one in found.reminders
    ]


def why(found: Due, person: str) -> list[str]:
    return [
        verdict.reason.value
        for one in found.weighed
        for verdict in one.verdicts
        if verdict.person.id == person
    ]


def marks(found: Due) -> list[Mark]:
    """What the store would write down."""
    return [
        Mark(duty=one.waiting.duty.id, level=one.level, person=person, reason=Reason.REMINDED)
        for one in found.weighed
        for person in [v.person.id for v in one.verdicts if v.due_at] or [""]
    ]


@pytest.mark.parametrize(
    ("opened", "half", "most"),
    [
        ("00:30", at("12:30"), at("19:42")),
        # The night is nobody's: the morning after.
        ("17:00", at("08:00", 1), at("12:12", 1)),
        ("10:00", at("08:00", 1), at("08:00", 1)),
        # What would be over by then, or nearly so: the evening before.
        ("09:00", at("19:30"), at("19:30")),
        ("08:10", at("19:30"), at("19:30")),
    ],
)
def test_a_duty_is_reminded_of_at_half_and_at_80_percent_of_its_time_by_day(opened, half, most):
    zone = zone_of("riverside", REGISTRY)
    assert moments(waits(opened=opened), zone, 24 * HOUR) == (half, most)


def test_it_is_said_twice_at_most_and_to_whoever_it_waits_for():
    each = waits()
    said: list[Mark] = []
    heard = []
    for minutes in range(0, 24 * 60, 5):
        now = at("00:30") + minutes * MINUTE
        found = due([each], said, REGISTRY, now)
        said += marks(found)
        heard += [(one.person.id, now, one.items[0].level) for one in found.reminders]
    assert heard == [("guard", at("12:30"), 1), ("guard", at("19:45"), 2)]


@pytest.mark.parametrize(
    ("each", "now"),
    [
        (waits(done=at("10:00")), at("13:00")),
        (waits(state=State.CLOSED), at("13:00")),
        (waits(state=State.OPEN), at("13:00")),  # raised again: the rule sees it, nobody can confirm
        (waits(false_alarm=True), at("13:00")),
        (waits(flapping=True), at("13:00")),  # nobody was asked yet: it is not calm
        (waits(kind=DutyKind.CALL_ON, state=State.CLOSED, false_alarm=True), at("13:00")),
        (waits(kind=DutyKind.CALL_ON, state=State.OPEN), at("13:00")),
        (waits(kind=DutyKind.GO_AND_LOOK), at("13:00")),
        (waits(), at("12:29")),
        (waits(opened="20:00"), at("21:00", 1)),
        (waits(opened="20:00"), at("07:59", 1)),
        (waits(opened=at("00:30", -8), kind=DutyKind.CALL_ON, state=State.CLOSED), at("13:00")),
    ],
    ids=[
        "looked at", "closed", "going on", "false alarm", "flapping", "call of a false alarm",
        "call while it goes on", "another duty", "before half of its time", "at night",
        "before the morning", "long ago",
    ],
)  # fmt: skip
def test_nothing_is_said_of(each, now):
    assert due([each], [], REGISTRY, now) == Due()


@pytest.mark.parametrize(
    "each",
    [
        waits(kind=DutyKind.CALL_ON, state=State.CLOSED),
        waits(kind=DutyKind.CALL_ON),
        waits(state=State.OPEN, seen_on_site=True),
        waits(drill_until=at("03:00", 2)),
    ],
    ids=["call when it is over", "call when it has recovered", "cleared by nobody's word", "drill"],
)
def test_something_is_said_of(each):
    assert told(due([each], [], REGISTRY, at("13:00"))) == [("guard", [1])]


def test_what_no_timer_closes_has_no_end():
    assert ends_at(waits()) == at("00:30", 1)
    assert ends_at(waits(drill_until=at("04:00"))) == at("04:00")
    assert ends_at(waits(state=State.OPEN, seen_on_site=True)) is None
    assert ends_at(waits(kind=DutyKind.CALL_ON)) is None


def test_a_drill_s_own_end_is_what_its_time_is_counted_to():
    drill = waits(opened="10:00", drill_until=at("14:00"))
    assert told(due([drill], [], REGISTRY, at("11:59"))) == []
    assert told(due([drill], [], REGISTRY, at("12:00"))) == [("guard", [1])]


def test_whoever_has_the_duty_is_reminded_and_nobody_else():
    found = due([waits(person="mei")], [], REGISTRY, at("13:00"))
    assert told(found) == [("mei", [1])]
    assert why(found, "mei") == ["reminded"]
    assert why(found, "guard") == ["not-this-tier"]
    assert why(found, "town") == ["no-tier"]
    assert why(found, "lao-li") == ["other-place"]


def test_a_holder_who_has_left_leaves_it_to_the_first_tier():
    assert told(due([waits(person="gone")], [], REGISTRY, at("13:00"))) == [("guard", [1])]


VILLAGE = replace(ADDRESSLESS, addresses=(mail("village"),))


@pytest.mark.parametrize("person", ["", "lao-li"])
def test_a_volunteer_is_never_reminded_and_whoever_stands_behind_is_once(person):
    registry = people(VILLAGE)
    each = waits(by_river=True, person=person)
    found = due([each], [], registry, at("13:00"))
    assert told(found) == [("village", [1])]
    assert found.reminders[0].items[0].stands_behind
    assert why(found, "lao-li") == ["volunteer"]
    assert why(found, "village") == ["stands-behind"]
    later = due([each], marks(found), registry, at("19:45"))
    assert (told(later), why(later, "village")) == ([], ["already-told"])


def test_a_tier_behind_that_nothing_reaches_gives_way_to_the_next():
    found = due([waits(by_river=True)], [], REGISTRY, at("13:00"))
    assert told(found) == [("town", [1])]
    assert why(found, "village") == ["no-address"]


def test_a_river_of_volunteers_alone_reminds_nobody_and_says_why():
    found = due([waits(by_river=True)], [], replace(REGISTRY, people=(CHIEF,)), at("13:00"))
    assert (told(found), why(found, "lao-li")) == ([], ["volunteer"])


@pytest.mark.parametrize(("person", "next_one"), [("mei", "wen"), ("", "mei")])
def test_whoever_said_he_cannot_come_is_left_alone_and_the_next_is_asked(person, next_one):
    declined = person or "guard"
    found = due([waits(person=person, declined=[declined])], [], REGISTRY, at("13:00"))
    assert told(found) == [(next_one, [1])]
    assert found.reminders[0].items[0].stands_behind
    assert why(found, declined) == ["declined"]


def call(**more: Any) -> Waiting:
    return waits(kind=DutyKind.CALL_ON, **more)


def test_a_second_look_that_one_declines_is_passed_on_by_a_notice_and_no_reminder():
    said = marks(due([waits()], [], REGISTRY, at("12:30")))
    assert due([waits(declined=["guard"])], said, REGISTRY, at("12:35")) == Due()
    found = due([waits(declined=["guard"])], said, REGISTRY, at("19:45"))
    assert told(found) == [("mei", [1])]


def test_who_declines_a_reminder_to_call_is_let_alone_and_those_behind_are_asked_at_once():
    said = marks(due([call()], [], REGISTRY, at("12:30")))
    found = due([call(declined=["guard"])], said, REGISTRY, at("12:35"))
    assert told(found) == [("mei", [1])]
    said += marks(found)
    assert due([call(declined=["guard"])], said, REGISTRY, at("12:40")) == Due()
    found = due([call(declined=["guard", "mei"])], said, REGISTRY, at("12:45"))
    assert told(found) == [("wen", [1])]
    said += marks(found)
    gone = [call(declined=["guard", "mei", "wen"])]
    found = due(gone, said, REGISTRY, at("12:50"))
    assert (told(found), len(found.weighed)) == ([], 1)
    assert due(gone, said + marks(found), REGISTRY, at("12:55")) == Due()


def test_one_of_two_who_declines_changes_nothing_for_the_other():
    registry = people(replace(MEI, role=PostRole.GUARD))
    said = marks(due([waits()], [], registry, at("12:30")))
    assert due([waits(declined=["guard"])], said, registry, at("12:35")) == Due()


@pytest.mark.parametrize(
    ("channels", "used"),
    [
        ([ChannelKind.VOICE, ChannelKind.EMAIL], ChannelKind.EMAIL),
        ([ChannelKind.ANNOUNCER, ChannelKind.VOICE, ChannelKind.SMS], ChannelKind.SMS),
        ([ChannelKind.SMS, ChannelKind.WECHAT], ChannelKind.WECHAT),
        ([ChannelKind.VOICE, ChannelKind.ANNOUNCER], None),
    ],
)
def test_no_phone_is_rung_and_nothing_is_said_aloud(channels, used):
    addresses = tuple(Address(channel=kind, to=kind.value) for kind in channels)
    registry = people(replace(MEI, addresses=addresses))
    found = due([waits(person="mei")], [], registry, at("13:00"))
    if used is None:
        assert why(found, "mei") == ["no-quiet-address"]
        assert told(found) == [("wen", [1])]
    else:
        assert [one.address.channel for one in found.reminders] == [used]


def test_an_address_of_one_s_own_comes_before_a_group():
    group = Address(channel=ChannelKind.WECOM, to="env:GROUP", group=True)
    registry = people(replace(MEI, addresses=(group, mail("mei"))))
    (one,) = due([waits(person="mei")], [], registry, at("13:00")).reminders
    assert one.address == mail("mei")


def test_what_a_volunteer_reads_is_used_to_remind_nobody():
    group = Address(channel=ChannelKind.WECOM, to="env:RIVER @13800001111", group=True)
    chief = replace(CHIEF, addresses=(mail("li"), replace(group, to="env:RIVER @lao-li")))
    village = replace(ADDRESSLESS, addresses=(group,))
    found = due([waits(by_river=True)], [], people(chief, village), at("13:00"))
    assert why(found, "village") == ["no-quiet-address"]
    assert told(found) == [("town", [1])]
    village = replace(village, addresses=(group, mail("village")))
    (one,) = due([waits(by_river=True)], [], people(chief, village), at("13:00")).reminders
    assert one.address == mail("village")


def test_several_duties_make_one_message_and_what_ends_first_stands_first():
    found = due(
        [
            waits(1, kind=DutyKind.CALL_ON, state=State.CLOSED),
            waits(2, opened="00:50"),
            waits(3, opened="00:40"),
        ],
        [],
        REGISTRY,
        at("13:00"),
    )
    assert told(found) == [("guard", [3, 2, 1])]


def test_what_is_due_soon_goes_along_and_makes_no_message_of_its_own():
    first, soon, later = waits(1), waits(2, opened="02:25"), waits(3, opened="02:35")
    found = due([first, soon, later], [], REGISTRY, at("12:30"))
    assert told(found) == [("guard", [1, 2])]
    assert told(due([first, soon, later], marks(found), REGISTRY, at("14:34"))) == []
    assert told(due([soon], [], REGISTRY, at("12:30"))) == []
    # Its own people have nothing due: it waits for its time.
    other = waits(2, opened="02:25", person="mei")
    assert told(due([first, other], [], REGISTRY, at("12:30"))) == [("guard", [1])]


def test_two_people_behind_one_address_have_one_message_between_them():
    registry = people(
        replace(MEI, addresses=GUARD.addresses, role=PostRole.GUARD, places=()),
    )
    (one,) = due([waits()], [], registry, at("13:00")).reminders
    assert (one.person.id, one.others) == ("guard", ("mei",))


@pytest.mark.parametrize(
    ("quiet", "now", "due_at", "reason"),
    [
        (("12:00", "14:00"), at("13:00"), at("14:00"), "quiet-hours"),
        (("12:00", "21:00"), at("13:00"), at("08:00", 1), "quiet-hours"),
        (("", ""), at("13:00"), at("13:00"), "reminded"),
    ],
)
def test_quiet_hours_hold_it_back_also_for_fire(quiet, now, due_at, reason):
    registry = people(replace(MEI, quiet_from=quiet[0], quiet_to=quiet[1]))
    found = due([waits(person="mei")], [], registry, now)
    assert [one.due_at for one in found.reminders] == [due_at]
    assert why(found, "mei") == [reason]


@pytest.mark.parametrize(("incident", "held"), [(None, True), (1, True), (7, False)])
def test_a_snooze_of_all_or_of_this_holds_it_back_until_it_ends(incident, held):
    snooze = Snooze(person="mei", incident=incident, until=at("15:00"))
    found = due([waits(person="mei")], [], REGISTRY, at("13:00"), snoozes=[snooze])
    assert [one.due_at for one in found.reminders] == [at("15:00") if held else at("13:00")]


@pytest.mark.parametrize("kind", SilenceKind)
def test_a_silence_holds_it_back_is_recorded_once_and_then_it_is_said(kind):
    silence = Silence(
        id=1, site="riverside", kind=kind, since=at("09:00"), until=at("15:00"), who="wen",
        why="检修", made_at=at("08:00"), confirmed_by="mei",
    )  # fmt: skip
    held = due([waits()], [], REGISTRY, at("13:00"), silences=[silence])
    assert (told(held), why(held, "guard")) == ([], [kind.reason.value])
    said = [Mark(duty=1, level=1, person="", reason=kind.reason)]
    assert due([waits()], said, REGISTRY, at("13:05"), silences=[silence]) == Due()
    assert told(due([waits()], said, REGISTRY, at("15:00"), silences=[silence])) == [("guard", [1])]


def test_a_post_without_a_phone_is_reminded_through_whoever_has_it():
    rota = Rota(post="guard", turns=(Turn(person="wen", since="08:00", until="20:00"),))
    registry = replace(people(replace(GUARD, addresses=())), rotas=(rota,))
    found = due([waits()], [], registry, at("13:00"), roster=Roster(registry=registry))
    assert told(found) == [("wen", [1])]
    assert why(found, "guard") == ["on-rota-told"]


def test_who_is_away_is_reminded_through_the_stand_in_but_not_if_that_is_a_volunteer():
    away = (Away(since="2026-05-04", until="2026-05-04"),)
    for stand_in, asked in (("wen", "wen"), ("lao-li", "wen")):
        registry = people(replace(MEI, away=away, stand_in=stand_in))
        found = due(
            [waits(person="mei")], [], registry, at("13:00"), roster=Roster(registry=registry)
        )
        assert told(found) == [(asked, [1])]
        assert found.reminders[0].items[0].stands_behind is (stand_in == "lao-li")


def test_a_site_without_people_reminds_nobody_and_is_done_with():
    found = due([waits()], [], replace(REGISTRY, people=()), at("13:00"))
    assert (told(found), len(found.weighed)) == ([], 1)


def test_the_words_of_why_are_there_for_everybody_of_the_site():
    found = due([waits(person=WEN.id)], [], REGISTRY, at("13:00"))
    assert {v.person.id for v in found.weighed[0].verdicts} == {p.id for p in REGISTRY.people}
