"""Browsers that registered themselves: whose they are, what they are told, and what follows from it."""

from dataclasses import replace
from datetime import timedelta

from sqlalchemy import select

from alerts.incidents.acts import Refusal, Refused
from alerts.incidents.silences import Silence, SilenceKind
from alerts.notify.browsers import MOST, Browser, Ending, Subscription
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.notify.outcome import Accepted, Rejected, Retry
from alerts.registry.addresses import browser_of
from alerts.registry.model import (
    Address,
    ChannelKind,
    Person,
    PostRole,
    Rota,
    Turn,
)
from alerts.registry.model import (
    Subscription as Wish,
)
from alerts.registry.toml import write
from alerts.rules.transition import Change, Transition
from alerts.store import tables as t
from alerts.store.browser_rows import KEPT
from alerts.store.browsers import SHOWN
from alerts.words import IncidentClass, Severity
from tests.alerts.incidents.community import (
    GUARD,
    MEI,
    NIGHT,
    NOW,
    REGISTRY,
    WEN,
    hook,
    says,
)
from tests.alerts.store.conftest import PACKS

SOON = NOW + timedelta(minutes=1)
CLIMB = NOW + timedelta(minutes=31)
GONE = Rejected("HTTP 410", gone=True)


def reached(name: str) -> Subscription:
    return Subscription(
        endpoint=f"https://push.example/secret-{name}", p256dh=b"k" * 65, auth=b"a" * 16
    )


def keep(operations, person: str, name: str = "", now=NOW, **more) -> Browser:
    kept = operations.keep_browser(person, reached(name or person), "Chrome · Windows", now, **more)
    assert isinstance(kept, Browser)
    return kept


def people(operations, *changed: Person, **more):
    ids = {one.id for one in changed}
    others = tuple(one for one in REGISTRY.people if one.id not in ids)
    operations.save_registry(replace(REGISTRY, people=(*changed, *others), **more), "t", "t", NOW)


def told(operations, reason: str = "", incident: int = 1) -> list[tuple[str, int, bool]]:
    """Who was told, as a step of the climb or beside it, and whether in a browser."""
    return [
        (one.person, one.step, browser_of(one.address) is not None)
        for one in reversed(operations.notices(incident=incident))
        if reason in ("", one.reason.value)
    ]


def in_browser(operations, person: str, incident: int = 1):
    return next(
        one
        for one in operations.notices(incident=incident)
        if one.person == person and browser_of(one.address)
    )


def other(position: int, **more) -> Transition:
    """Of another rule."""
    return replace(says(position, **more), rule=f"rule-{position}")


LATE = timedelta(minutes=40)  # no part of what is open


# Whose a browser is


def test_a_browser_belongs_to_whoever_asked_last(operations):
    first = keep(operations, "guard", "pc")
    assert keep(operations, "guard", "pc", SOON).id == first.id  # the same again
    second = keep(operations, "mei", "pc", SOON)
    assert [(one.id, one.person) for one in operations.browsers(SOON)] == [(second.id, "mei")]
    assert operations.subscription(first.id) is None
    assert operations.subscription(second.id) == reached("pc")


def test_a_browser_that_is_reached_anew_takes_its_old_place(operations):
    old = keep(operations, "mei", "old")
    new = keep(operations, "mei", "new", SOON, replaces=old.id)
    assert [one.id for one in operations.browsers(SOON)] == [new.id]
    foreign = keep(operations, "wen", "other", SOON, replaces=new.id)  # not hers to replace
    assert {one.id for one in operations.browsers(SOON)} == {new.id, foreign.id}


def test_the_eldest_of_too_many_gives_way(operations):
    kept = [keep(operations, "mei", str(n), NOW + timedelta(seconds=n)).id for n in range(MOST + 2)]
    keep(operations, "wen")
    assert [one.id for one in operations.browsers(NOW) if one.person == "mei"] == kept[2:]


def test_nobody_unknown_has_or_removes_a_browser_and_an_unknown_one_is_not_removed(operations):
    kept = keep(operations, "mei")
    assert operations.remove_browser(kept.id, "x", NOW) == Refused(Refusal.UNKNOWN_PERSON)
    refused = operations.keep_browser("nobody", reached("x"), "", NOW)
    assert refused == Refused(Refusal.UNKNOWN_PERSON)
    assert operations.remove_browser("00", "mei", NOW) == Refused(Refusal.UNKNOWN_BROWSER)


def test_what_reaches_a_browser_is_forgotten_with_it_and_stands_in_no_word_about_it(operations):
    browser = keep(operations, "mei")
    assert "push.example" not in repr(browser) + repr(operations.subscription(browser.id))
    operations.take([says(1)], PACKS, NOW)
    operations.climb(CLIMB)
    assert "push.example" not in repr(operations.notices(incident=1))
    removed = operations.remove_browser(browser.id, "wen", SOON)
    assert (removed.gone_at, removed.ending) == (SOON, Ending.REMOVED)
    with operations._database.read() as connection:
        row = connection.execute(select(t.browser)).one()
    assert (row.endpoint, row.p256dh, row.auth) == (None, None, None)


def test_an_import_keeps_browsers_and_an_export_tells_nothing_of_them(operations, tmp_path):
    kept = keep(operations, "mei")
    people(operations, replace(MEI, phone="13900000000"))
    assert [one.id for one in operations.browsers(SOON)] == [kept.id]
    exported = "".join(file.read_text() for file in write(operations.registry(), tmp_path / "out"))
    assert "梅姐" in exported
    assert not any(word in exported for word in ("browser:", "push.example", "webpush"))


def test_whoever_leaves_takes_their_browsers_along(operations):
    keep(operations, "mei")
    stays = keep(operations, "wen")
    others = tuple(one for one in REGISTRY.people if one.id != "mei")
    operations.save_registry(replace(REGISTRY, people=others), "t", "she left", SOON)
    operations.save_registry(REGISTRY, "t", "another of that name", SOON)
    assert [one.id for one in operations.browsers(SOON)] == [stays.id]


# What it is told


def test_whoever_is_told_is_told_in_each_browser_beside_the_climb(operations):
    for name in ("pc", "phone"):
        keep(operations, "guard", name)
    keep(operations, "wen")
    operations.take([says(1)], PACKS, NOW)
    assert told(operations) == [("guard", 0, False), ("guard", -1, True), ("guard", -1, True)]
    copy = in_browser(operations, "guard")
    own = operations.notices(incident=1)[-1]
    assert (copy.title, copy.due_at, copy.address.group) == (own.title, own.due_at, False)
    operations.climb(CLIMB)
    assert told(operations, "climbed") == [("mei", 1, False)]
    operations.climb(CLIMB + timedelta(minutes=31))
    assert told(operations, "climbed")[1:] == [("wen", 2, False), ("wen", -1, True)]


def test_a_copy_has_the_words_and_the_link_of_its_person_behind_a_group_address(operations):
    group = replace(GUARD, addresses=(hook("shift", group=True),))
    people(operations, group)
    keep(operations, "guard")
    operations.take([says(1)], PACKS, NOW)
    copy = in_browser(operations, "guard")
    assert (copy.address.group, copy.address.secret) == (False, "")


def test_each_of_two_behind_one_group_address_is_told_in_a_browser_of_their_own(operations):
    group = hook("shift", group=True)
    second = replace(GUARD, id="guard-2", addresses=(group,))
    people(operations, replace(GUARD, addresses=(group,)), second)
    keep(operations, "guard"), keep(operations, "guard-2")
    operations.take([says(1)], PACKS, NOW)
    assert told(operations) == [("guard", 0, False), ("guard", -1, True), ("guard-2", -1, True)]


def test_quiet_hours_and_snoozes_hold_for_browsers_too(operations):
    keep(operations, "mei")
    safety = says(1, cls=IncidentClass.SAFETY)
    pollution = other(2, cls=IncidentClass.POLLUTION)
    for transition in (safety, pollution):
        operations.take([transition], PACKS, NIGHT)
    operations.climb(NIGHT + timedelta(minutes=31))
    (at_once,) = [one for one in operations.notices(incident=1) if browser_of(one.address)]
    (later,) = [one for one in operations.notices(incident=2) if browser_of(one.address)]
    assert at_once.due_at == NIGHT + timedelta(minutes=31)
    assert later.due_at > NIGHT + timedelta(hours=4)
    operations.snooze("guard", None, NIGHT + timedelta(hours=2), NIGHT)
    keep(operations, "guard")
    operations.take([other(3, after=LATE, cls=IncidentClass.POLLUTION)], PACKS, NIGHT)
    held = in_browser(operations, "guard", 3)
    assert held.due_at == NIGHT + timedelta(hours=2)


def test_a_silence_holds_for_browsers_too(operations):
    keep(operations, "guard")
    wish = Silence(
        id=0, site="riverside", place="shed-1", device="", rule="", kind=SilenceKind.SILENCE,
        since=NOW, until=NOW + timedelta(hours=1), who="wen", why="换开关", made_at=NOW,
    )  # fmt: skip
    silence = operations.silence(wish, NOW)
    operations.confirm_silence(silence.id, "mei", NOW)
    operations.take([says(1)], PACKS, NOW)
    assert told(operations) == []
    operations.climb(NOW + timedelta(hours=1))
    assert told(operations) == [("guard", 0, False), ("guard", -1, True)]


def test_the_digest_comes_into_the_browser_too(operations):
    keep(operations, "guard")
    float_ = says(1, cls=IncidentClass.UPKEEP, severity=Severity.MINOR)
    operations.take([float_], PACKS, NOW)
    operations.send_digests(NOW + timedelta(hours=15))
    assert told(operations, "digest") == [("guard", -1, False), ("guard", -1, True)]
    own, copy = operations.notices(incident=1)[::-1]
    assert (own.title, own.text, own.link) == (copy.title, copy.text, copy.link)


def test_a_link_of_ones_own_comes_into_the_browser_of_whoever_has_no_address(operations):
    group = replace(GUARD, addresses=(hook("shift", group=True),))
    people(operations, group)
    operations.take([says(1)], PACKS, NOW)
    assert operations.send_link(1, "guard", SOON) == Refused(Refusal.NO_ADDRESS)
    keep(operations, "guard")
    operations.send_link(1, "guard", SOON)
    operations.send_link(1, "guard", SOON)
    assert told(operations, "link") == [("guard", -1, True)]


def test_what_is_overtaken_is_overtaken_in_the_browser_and_what_is_answered_is_answered(operations):
    keep(operations, "guard"), keep(operations, "mei")
    operations.take([says(1)], PACKS, NOW)
    operations.settle(in_browser(operations, "guard").id, Accepted("HTTP 201"), SOON)
    operations.climb(CLIMB)
    operations.acknowledge(1, "guard", "link", CLIMB)
    assert in_browser(operations, "guard").state is NoticeState.ACKNOWLEDGED
    assert in_browser(operations, "mei").state is NoticeState.OVERTAKEN


# What follows from how it ends


def test_a_copy_that_is_refused_hands_nothing_on_and_climbs_nowhere(operations):
    keep(operations, "guard")
    operations.take([says(1)], PACKS, NOW)
    before = operations.considered(1)
    copy = in_browser(operations, "guard")
    assert not operations.second(copy.id, SOON)
    operations.settle(copy.id, Rejected("HTTP 403"), SOON)
    assert told(operations) == [("guard", 0, False), ("guard", -1, True)]
    assert operations.considered(1) == before
    assert operations.incident(1).step == 0


def test_a_copy_that_is_taken_starts_no_wait_and_holds_up_no_climb(operations):
    keep(operations, "guard")
    operations.take([says(1)], PACKS, NOW)
    before = operations.incident(1)
    operations.settle(in_browser(operations, "guard").id, Accepted("HTTP 201"), SOON)
    assert operations.incident(1) == before
    for _ in range(2):  # its own addresses, each refused
        (own,) = [one for one in operations.due(SOON, 9) if one.address.channel != "webpush"]
        operations.settle(own.id, Rejected("no"), SOON)
    assert operations.incident(1).step == 1
    assert told(operations, "climbed") == [("mei", 1, False)]


def test_a_browser_that_withdrew_is_told_no_more_and_is_shown_as_such_for_a_while(operations):
    keep(operations, "guard", "pc")
    phone = keep(operations, "guard", "phone", SOON)
    operations.take([says(1)], PACKS, SOON)
    gone, fine = (one for one in operations.notices(incident=1) if browser_of(one.address))
    gone, fine = sorted((gone, fine), key=lambda one: phone.id not in one.address.to)
    operations.settle(fine.id, Retry("HTTP 503"), SOON)
    operations.settle(gone.id, GONE, CLIMB)
    shown = {one.id: one for one in operations.browsers(CLIMB)}
    assert (shown[phone.id].gone_at, shown[phone.id].ending) == (CLIMB, Ending.WITHDRAWN)
    assert [one.outcome for one in shown.values()] == ["retrying", "rejected"]
    assert [one.tried_at for one in shown.values()] == [SOON, CLIMB]
    assert operations.subscription(phone.id) is None
    operations.take([says(2, Change.SEVERITY, severity=Severity.CRITICAL)], PACKS, CLIMB)
    assert len([row for row in told(operations, "severity") if row[2]]) == 1
    assert len(operations.browsers(CLIMB + SHOWN)) == 1
    operations.clean_up(CLIMB + KEPT + timedelta(seconds=1))
    assert operations.remove_browser(phone.id, "wen", CLIMB) == Refused(Refusal.UNKNOWN_BROWSER)


# Whoever has no other address


def test_a_browser_is_the_address_of_whoever_has_no_other(operations):
    people(operations, replace(GUARD, addresses=()), replace(MEI, addresses=()))
    keep(operations, "guard", "pc")
    keep(operations, "guard", "phone", SOON)
    operations.take([says(1)], PACKS, SOON)
    assert told(operations) == [("guard", 0, True), ("guard", -1, True)]
    assert [one.reason for one in operations.considered(1, "guard")] == ["tier"]
    own = operations.notices(incident=1)[-1]
    operations.settle(own.id, Accepted("HTTP 201"), SOON)
    assert operations.incident(1).next_step_at == SOON + timedelta(minutes=30)


def test_its_refusal_goes_to_the_next_browser_and_then_up(operations):
    people(operations, replace(GUARD, addresses=()))
    keep(operations, "guard", "pc")
    keep(operations, "guard", "phone", SOON)
    operations.take([says(1)], PACKS, SOON)
    operations.settle(operations.notices(incident=1)[-1].id, GONE, SOON)
    assert told(operations)[2:] == [("guard", 0, True)]
    assert operations.incident(1).step == 0
    operations.settle(operations.notices(incident=1)[0].id, GONE, SOON)
    assert operations.incident(1).step == 1
    operations.take([other(2, after=LATE)], PACKS, CLIMB)
    assert operations.considered(2, "guard")[0].reason == "empty-rota"


def test_whoever_is_only_phoned_hears_in_the_browser_that_it_is_over(operations):
    call = Address(channel=ChannelKind.VOICE, to="13800000001")
    people(operations, replace(GUARD, addresses=(call,)))
    keep(operations, "guard")
    operations.take([says(1)], PACKS, NOW)
    assert told(operations) == [("guard", 0, False), ("guard", -1, True)]
    operations.take([says(2, Change.CLEARED)], PACKS, SOON)
    assert told(operations, "recovered") == [("guard", 0, True)]


def test_a_post_without_a_phone_is_told_through_its_holder_and_in_its_own_browser(operations):
    chen = Person(id="chen", site="riverside", name="陈", role=PostRole.GUARD,
                  addresses=(hook("chen"),), places=("laobakou",))  # fmt: skip
    turn = Turn(person="chen", since="08:00", until="20:00")
    people(
        operations,
        replace(GUARD, addresses=()),
        chen,
        rotas=(Rota(post="guard", turns=(turn,)),),
    )
    keep(operations, "guard")
    operations.take([says(1)], PACKS, NOW)
    assert told(operations) == [("chen", 0, False), ("guard", -1, True)]
    # Nobody has it at night: its browser is all there is.
    operations.take([other(2, after=LATE)], PACKS, NIGHT)
    assert told(operations, incident=2) == [("guard", 0, True)]
    assert [one.reason for one in operations.considered(2, "guard")] == ["tier"]


def test_nobody_is_a_gap_who_is_reached_in_a_browser(operations):
    people(operations, replace(MEI, stand_in="wen", away=()), replace(WEN, addresses=()))
    keep(operations, "wen")
    known = {one.id: one for one in operations.roster().registry.people}
    assert [one.channel for one in known["wen"].addresses] == [ChannelKind.WEBPUSH]
    assert operations.registry().people != tuple(known.values())


# Once is enough


def test_whoever_hears_beside_the_climb_is_told_of_it_once_though_it_was_refused(operations):
    """A second climb of one round would be the same row once more."""
    wish = Wish(person="engineer", severity=Severity.MAJOR)
    people(operations, subscriptions=(wish,))
    keep(operations, "engineer")
    operations.take([says(1, severity=Severity.INFO)], PACKS, NOW)
    operations.take([says(2, Change.SEVERITY, severity=Severity.MAJOR)], PACKS, NOW)
    for at in (CLIMB, CLIMB + timedelta(minutes=40)):
        for notice in operations.due(at, 99):
            if notice.person == "engineer":
                operations.settle(notice.id, Rejected("no"), at)
        operations.climb(at)
    climbed = [row for row in told(operations, NoticeReason.CLIMBED.value) if row[0] == "engineer"]
    assert climbed == [("engineer", -1, False), ("engineer", -1, True)]
