from dataclasses import replace
from datetime import UTC, date, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.registry.model import Format, Registry
from alerts.rules.inputs import DeviceSaid, Entry, GivenUp, RegistryRevised, Tick, What
from collector.gaps import DAYS_KEPT, RUNS_KEPT, Gaps
from collector.gaps_model import HOLES_KEPT
from collector.gaps_report import GRACE_MS, completeness, lost_share, missing, spread
from collector.house import figure
from dashboards.ports import Completeness, Gap, GapKind
from edge.contract.ranges import Ranges
from edge.contract.reading import Batch, Reading
from edge.contract.status import State, Status
from edge.sender import LIVE_MOST
from tests.collector.village import DEVICE, REGISTRY, SITE

T0 = 1_795_564_800_000  # 2026-11-25 00:00 UTC, 08:00 by the river
MINUTE, HOUR, DAY = 60_000, 3_600_000, 86_400_000
WHO = (SITE, DEVICE)
FOREIGN = replace(
    REGISTRY, devices=(replace(REGISTRY.devices[0], format=Format.TASMOTA, address="plug"),)
)


class Story:
    """A journal that is told record by record; a reading a minute unless told otherwise."""

    def __init__(self, registry: Registry = REGISTRY) -> None:
        self.gaps = Gaps()
        self.gaps.begin("j")
        self.now_ms = T0
        self.say(RegistryRevised(registry))

    def say(self, what: What) -> None:
        self.gaps.feed(Entry(self.gaps.position + 1, self.now_ms, what))

    def read(
        self, lo: int, hi: int, run: str = "r", *, at_ms: int | None = None, is_news: bool = True
    ) -> None:
        """Numbers ``lo..hi`` come now; the first of them observed at ``at_ms``, else in its minute."""
        begin_ms = T0 + lo * MINUTE if at_ms is None else at_ms
        batch = Batch(
            site=SITE, device=DEVICE, run=run, first=lo, count=hi - lo + 1, is_news=is_news
        )
        for seq in range(lo, hi + 1):
            when = begin_ms + (seq - lo) * MINUTE
            batch.add(Reading(place="p", port="", metric="do", value=8.0, at_ms=when, seq=seq))
        self.now_ms = max(self.now_ms, begin_ms + (hi - lo) * MINUTE)
        self.say(batch)

    def depth(self, waiting: int) -> None:
        """What the device says of its own journal, by a number of the run ``health``."""
        stretch = self.gaps.trails[WHO].runs.get("health")
        seq = stretch.next if stretch else 0
        batch = Batch(site=SITE, device=DEVICE, run="health", first=seq, count=1)
        batch.add(
            Reading(place="", port="", metric="journal-depth", value=waiting, at_ms=self.now_ms)
        )
        self.say(batch)

    def born(self, run: str, cut_ms: int | None = None) -> None:
        cuts_ms = () if cut_ms is None else (cut_ms,)
        status = Status(state=State.ONLINE, run=run, at_ms=self.now_ms, cuts_ms=cuts_ms)
        self.say(DeviceSaid(SITE, DEVICE, status))

    def gone(self, lo: int, hi: int, reason: str = "space", run: str = "r", **more: Any) -> None:
        self.say(GivenUp(site=SITE, device=DEVICE, run=run, lo=lo, hi=hi, reason=reason, **more))

    def wait(self, ms: int) -> None:
        """Time passes, and then the device is heard once more."""
        self.now_ms += ms
        self.depth(0)

    def account(self) -> Completeness:
        found = completeness(self.gaps, WHO, self.now_ms)
        assert found is not None
        return found

    def found(self) -> list[tuple[str, int | None, int | None, int | None]]:
        return [
            (gap.kind.value, gap.first, gap.last, gap.count)
            for gap in self.account().gaps
            if gap.run != "health"
        ]

    def gap(self) -> Gap:
        (one,) = [gap for gap in self.account().gaps if gap.run != "health"]
        return one


def at(ms: int) -> datetime:
    return datetime.fromtimestamp(ms / 1000, UTC)


# Holes


def test_what_comes_in_order_leaves_no_gap():
    story = Story()
    for lo in range(0, 60, 5):
        story.read(lo, lo + 4)
    assert story.found() == []
    assert missing(story.gaps.trails[WHO]) == {}


def test_a_hole_is_waited_for_and_then_lost_between_its_neighbours():
    story = Story()
    story.read(0, 9)
    story.read(15, 19)
    assert story.found() == [("waiting", 10, 14, 5)]
    story.wait(GRACE_MS - 5 * MINUTE)
    assert story.found() == [("waiting", 10, 14, 5)]
    story.wait(5 * MINUTE)
    assert story.found() == [("unknown", 10, 14, 5)]
    assert (story.gap().since, story.gap().until) == (at(T0 + 9 * MINUTE), at(T0 + 15 * MINUTE))


def test_while_the_device_is_not_heard_nothing_is_called_lost():
    story = Story()
    story.read(0, 9)
    story.read(15, 19)
    story.now_ms += 3 * DAY
    story.say(Tick())
    assert story.found() == [("waiting", 10, 14, 5)]


@pytest.mark.parametrize(
    ("depth", "kind"),
    [(LIVE_MOST, "waiting"), (LIVE_MOST - 1, "unknown"), (50_000, "waiting"), (0, "unknown")],
)
def test_a_long_backlog_is_waited_for_as_long_as_the_device_says_that_it_has_one(depth, kind):
    story = Story()
    story.read(0, 9)
    story.read(1500, 1504)
    story.wait(2 * GRACE_MS)
    story.depth(depth)
    assert story.found() == [(kind, 10, 1499, 1490)]


def test_a_hole_larger_than_what_the_device_still_has_will_not_come():
    story = Story()
    story.read(0, 9)
    story.read(5010, 5011)
    story.wait(2 * GRACE_MS)
    story.depth(3000)
    assert story.found() == [("unknown", 10, 5009, 5000)]


@pytest.mark.parametrize(
    ("late", "left"),
    [
        ([(10, 19)], []),
        ([(10, 14)], [(15, 19)]),
        ([(15, 19)], [(10, 14)]),
        ([(13, 16)], [(17, 19), (10, 12)]),
        ([(5, 25)], []),  # doubles beside it
        ([(10, 12), (17, 19), (13, 16)], []),
    ],
)
def test_what_comes_late_fills_the_hole(late, left):
    story = Story()
    story.read(0, 9)
    story.read(20, 29)
    for lo, hi in late:
        story.read(lo, hi)
    assert [(first, last) for _, first, last, _ in story.found()] == left


def test_what_is_left_of_a_hole_has_nearer_neighbours():
    story = Story()
    story.read(0, 9)
    story.read(20, 29)
    story.read(10, 14)
    assert story.gap().since == at(T0 + 14 * MINUTE)
    story.read(18, 19)
    assert story.gap().until == at(T0 + 18 * MINUTE)


def test_what_was_refused_is_no_gap():
    story = Story()
    story.read(0, 9)
    story.read(20, 29)
    story.gaps.settle({(f"{SITE}/{DEVICE}", "r"): Ranges([(0, 9), (12, 15), (20, 29)])})
    assert [row[1:] for row in story.found()] == [(16, 19, 4), (10, 11, 2)]


def test_the_first_run_that_is_heard_of_may_begin_anywhere_and_a_later_one_at_nought():
    story = Story()
    story.read(500, 509)
    assert story.found() == []
    story.read(3, 9, "s", at_ms=T0 + 600 * MINUTE)
    assert ("waiting", 0, 2, 3) in story.found()


def test_an_older_run_that_comes_late_begins_anywhere_and_is_not_the_newest():
    story = Story()
    story.read(0, 9, "new", at_ms=T0 + DAY)
    story.read(40, 49, "old", at_ms=T0)
    story.born("new")
    assert story.found() == [("stopped", None, None, None)]
    assert story.gap().run == "new"


# Reasons


def test_what_the_device_announces_as_dropped_has_its_reason():
    story = Story()
    story.read(0, 9)
    story.gone(10, 14)
    story.read(15, 19)
    assert story.found() == [("device-space", 10, 14, 5)]
    assert (story.gap().since, story.gap().until) == (at(T0 + 9 * MINUTE), at(T0 + 15 * MINUTE))


@pytest.mark.parametrize(
    ("reason", "kind", "word"),
    [
        ("space", "device-space", ""),
        ("age", "device-age", ""),
        ("the cat", "device-other", "the cat"),
        ("", "device-other", "no reason given"),
    ],
)
def test_a_devices_own_word_is_kept(reason, kind, word):
    story = Story()
    story.read(0, 9)
    story.gone(10, 14, reason)
    assert (story.gap().kind.value, story.gap().word) == (kind, word)


def test_an_announcement_explains_a_hole_that_was_noticed_before_and_its_part_alone():
    story = Story()
    story.read(0, 9)
    story.read(30, 39)
    story.gone(15, 19, "age")
    story.wait(2 * GRACE_MS)
    assert [row[:3] for row in story.found()] == [
        ("unknown", 20, 29),
        ("device-age", 15, 19),
        ("unknown", 10, 14),
    ]


def test_many_small_drops_that_lie_near_are_told_as_one():
    story = Story()
    story.read(0, 9)
    for seq in range(10, 600, 6):  # a full device drops its health readings first
        story.gone(seq, seq)
        story.read(seq + 1, seq + 5)
    assert story.found() == [("device-space", 10, 598, 99)]


def test_what_the_servers_own_cap_took_is_no_longer_got():
    story = Story()
    story.read(0, 99)
    story.gone(10, 29, by_house=True, since_ms=T0 + 10 * MINUTE, until_ms=T0 + 29 * MINUTE)
    assert story.found() == [("server-space", 10, 29, 20)]
    (day,) = story.account().days
    assert (day.got, day.lost, day.share) == (80, {GapKind.SERVER_SPACE: 20}, 0.8)


def test_what_the_servers_cap_took_before_it_was_seen_here_was_never_got():
    story = Story()
    story.read(0, 9)
    story.gone(10, 29, by_house=True, since_ms=T0 + 10 * MINUTE, until_ms=T0 + 29 * MINUTE)
    story.read(30, 39)
    (day,) = story.account().days
    assert (day.got, day.lost) == (20, {GapKind.SERVER_SPACE: 20})


# Between runs


@pytest.mark.parametrize(
    ("is_born", "cut_ms", "pause_ms", "kind"),
    [
        (True, T0 + 12 * MINUTE, HOUR, "power-cut"),
        (True, T0 + 12 * MINUTE, MINUTE, "power-cut"),
        (True, None, HOUR, "stopped"),
        (True, None, MINUTE, None),  # an upgrade
        (False, None, HOUR, "end-unknown"),
        (False, None, MINUTE, "end-unknown"),
    ],
)
def test_how_the_run_before_ended_is_told_with_its_time(is_born, cut_ms, pause_ms, kind):
    story = Story()
    story.read(0, 9)
    begin_ms = T0 + 12 * MINUTE + pause_ms
    story.now_ms = begin_ms
    if is_born:
        story.born("s", cut_ms)
    story.read(0, 9, "s", at_ms=begin_ms)
    if kind is None:
        assert story.found() == []
        return
    assert story.found() == [(kind, None, None, None)]
    assert story.gap().since == at(cut_ms or T0 + 9 * MINUTE)
    assert story.gap().until == at(begin_ms)


def test_a_last_will_says_nothing_of_how_a_run_began():
    story = Story()
    story.read(0, 9)
    story.say(DeviceSaid(SITE, DEVICE, Status(state=State.OFFLINE, run="s")))
    story.read(0, 9, "s", at_ms=T0 + HOUR)
    assert story.found() == [("end-unknown", None, None, None)]


# Days


def test_days_are_the_sites_own():
    story = Story()
    story.read(0, 16 * 60 + 9)  # sixteen hours and ten minutes from eight in the morning
    days = story.account().days
    assert [(day.day, day.got, day.share) for day in days] == [
        (date(2026, 11, 26), 10, 1.0),
        (date(2026, 11, 25), 960, 1.0),
    ]


def test_a_day_without_anything_has_no_share():
    story = Story()
    story.read(0, 9)
    story.read(10, 19, at_ms=T0 + 2 * DAY)
    assert [(day.got, day.share) for day in story.account().days] == [
        (10, 1.0),
        (0, None),
        (10, 1.0),
    ]


def test_a_hole_over_midnight_is_spread_by_time():
    story = Story()
    story.read(0, 0)
    story.read(1921, 1921)  # 32 hours later: 16 before midnight, 16 after
    story.wait(2 * GRACE_MS)
    days = {day.day.day: day for day in story.account().days}
    assert days[25].lost == {GapKind.UNKNOWN: 960}
    assert days[26].lost == {GapKind.UNKNOWN: 960}


def test_what_is_waited_for_counts_against_the_share_and_is_not_lost():
    story = Story()
    story.read(0, 79)
    story.read(100, 179)
    (day,) = story.account().days
    assert (day.got, day.waiting, day.lost) == (160, 20, {})
    assert day.share == pytest.approx(160 / 180)


@given(
    count=st.integers(1, 10**6),
    since_ms=st.integers(T0, T0 + 40 * DAY),
    span_ms=st.integers(0, 40 * DAY),
)
def test_what_is_spread_stays_as_many(count, since_ms, span_ms):
    shares = spread(count, since_ms, since_ms + span_ms, SITE, Story().gaps.calendar)
    assert sum(shares.values()) == count
    assert min(shares.values()) >= 0


def test_a_replayed_dead_letter_counts_and_is_no_word_of_the_device():
    story = Story()
    story.read(0, 9)
    story.now_ms += HOUR
    heard = story.gaps.trails[WHO].heard_ms
    story.read(3, 5, is_news=False)
    assert story.gaps.trails[WHO].heard_ms == heard
    assert story.account().days[0].got == 13


def test_what_the_house_says_of_a_device_is_none_of_its_readings():
    story = Story()
    story.read(0, 9)
    story.say(figure(WHO, "refused-share", 3.0, story.now_ms))
    assert story.account().days[0].got == 10


# Foreign devices


def test_a_foreign_device_is_told_by_the_intervals_that_the_registry_expects():
    story = Story(FOREIGN)  # one a minute is expected
    for n in range(60):
        if not 20 <= n < 35:
            story.read(0, 0, "", at_ms=T0 + n * MINUTE)
    story.now_ms = T0 + HOUR
    account = story.account()
    assert (account.numbered, account.interval_s, list(account.gaps)) == (False, 60.0, [])
    (day,) = account.days
    assert (day.got, day.lost, day.share) == (45, {GapKind.UNKNOWN: 15}, 0.75)


def test_a_foreign_device_that_talks_all_the_time_and_then_not_is_not_complete():
    story = Story(FOREIGN)
    for n in range(3000):
        story.read(0, 0, "", at_ms=T0 + n * 100)  # ten a second for five minutes
    story.now_ms = T0 + HOUR
    assert story.account().days[0].share == pytest.approx(5 / 60)


# Bounds and the snapshot


def test_days_runs_and_holes_are_bounded():
    story = Story()
    for day in range(DAYS_KEPT + 10):
        story.read(0, 0, f"run-{day:03}", at_ms=T0 + day * DAY)
    trail = story.gaps.trails[WHO]
    assert len(trail.days) == DAYS_KEPT == len(story.account().days)
    for n in range(RUNS_KEPT):
        story.read(0, 0, f"more-{n:03}", at_ms=T0 + 60 * DAY + n * HOUR)
    assert len(trail.runs) == RUNS_KEPT
    story.read(0, 0, at_ms=T0 + 90 * DAY)
    lost = 0
    for n in range(2, 2 * HOLES_KEPT + 200, 2):
        story.read(n, n, at_ms=T0 + 90 * DAY + n * MINUTE)
        lost += 1
    assert len(trail.runs["r"].holes) == HOLES_KEPT
    assert sum(hole.count for hole in trail.runs["r"].holes) == lost


def test_a_device_that_is_registered_no_more_is_forgotten():
    story = Story()
    story.read(0, 9)
    story.say(RegistryRevised(replace(REGISTRY, devices=())))
    assert story.gaps.trails == {}


def test_an_entry_that_was_fed_changes_nothing_and_another_journal_goes_on():
    story = Story()
    story.read(0, 9)
    story.gaps.feed(Entry(story.gaps.position, T0, Batch(site=SITE, device=DEVICE, run="r",
                                                         first=50, count=1)))  # fmt: skip
    assert story.found() == []
    story.gaps.begin("k")
    assert story.gaps.position == 0
    story.read(10, 19)
    assert story.found() == []


STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("read"), st.integers(0, 60), st.integers(0, 9), st.sampled_from("rs")),
        st.tuples(st.just("gone"), st.integers(0, 60), st.integers(0, 9), st.sampled_from("rs")),
        st.tuples(st.just("born"), st.just(0), st.just(0), st.sampled_from("rs")),
    ),
    max_size=40,
)


def played(steps: list[tuple[str, int, int, str]], story: Story) -> None:
    for kind, lo, more, run in steps:
        if kind == "read":
            story.read(lo, lo + more, run)
        elif kind == "gone":
            story.gone(lo, lo + more, run=run)
        else:
            story.born(run, T0)


@given(STEPS)
def test_what_is_missing_is_what_never_came_below_the_highest(steps):
    story = Story()
    story.read(0, 0)
    story.read(0, 0, "s", at_ms=T0)
    played(steps, story)
    for run in "rs":
        came = {0}
        highest = 0
        for kind, lo, more, one in steps:
            if one == run and kind != "born":
                highest = max(highest, lo + more)
                if kind == "read":
                    came |= set(range(lo, lo + more + 1))
        holes = story.gaps.trails[WHO].runs[run].holes
        reasoned = sum(hole.count for hole in holes if hole.reason)
        unknown = {seq for hole in holes if not hole.reason for seq in range(hole.lo, hole.hi + 1)}
        assert not unknown & came
        assert len(unknown) + reasoned >= len(set(range(highest + 1)) - came)


@given(STEPS, st.integers(0, 40))
def test_a_restart_at_any_point_changes_nothing(steps, cut):
    story, other = Story(), Story()
    story.read(0, 0)
    other.read(0, 0)
    played(steps, story)
    played(steps[:cut], other)
    other.gaps = Gaps.load(list(other.gaps.dump()))
    played(steps[cut:], other)
    assert list(other.gaps.dump()) == list(story.gaps.dump())


def test_the_snapshot_of_a_foreign_device_comes_back():
    story = Story(FOREIGN)
    story.read(0, 0, "", at_ms=T0 + 15 * HOUR)
    before = story.account()
    story.gaps = Gaps.load(list(story.gaps.dump()))
    assert story.account() == before


@pytest.mark.parametrize("data", [b"", b"{}", b"[]", b'{"version":0}', b"\xff", b"nonsense"])
def test_a_snapshot_that_cannot_be_read_is_refused(data):
    with pytest.raises(ValueError, match="no snapshot of gaps"):
        Gaps.load([data])


def test_the_share_that_is_lost_is_of_the_two_newest_days():
    story = Story()
    story.read(0, 97)
    story.gone(98, 99)
    story.read(100, 100)
    assert lost_share(story.account().days) == pytest.approx(100 * 2 / 101)
    few = Story()
    few.read(0, 9)
    few.gone(10, 19)
    assert lost_share(few.account().days) == 0.0  # too few to tell a share of
