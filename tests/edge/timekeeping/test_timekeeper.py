"""The device's clock: when it is known, what sets it, and what never moves it."""

import json
from dataclasses import dataclass
from itertools import count

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.clock import Clock
from edge.install.build import NOT_BEFORE_MS, built_ms
from edge.timekeeping.inquiry import PATIENCE_MS, QUESTIONS, Inquiry
from edge.timekeeping.timekeeper import (
    LATEST_MS,
    MOST_RTT_MS,
    STEP_MS,
    Anchor,
    ClockSet,
    Timekeeper,
    Trust,
    Truth,
    truth_of,
)  # fmt: skip
from edge.timekeeping.timing import AGAIN_MS, LOOK_MS, ROUGH_AGAIN_MS, UNKNOWN_AGAIN_MS, Timing

BUILT = 1_795_392_000_000
NOW = 1_800_000_000_000
HOUR = 3_600_000


@dataclass
class Box:
    """A machine: a clock since boot, and a system clock that anybody may set."""

    steady: int = 1000
    zero: int = NOW  # where the system clock puts the boot
    is_synced: bool = False
    boot: str = "boot-1"

    def steady_ms(self) -> int:
        return self.steady

    def system_ms(self) -> int:
        return self.zero + self.steady

    def is_synchronised(self) -> bool:
        return self.is_synced


def keeper(box: Box, *, saved: int = 0, anchor: Anchor | None = None, **more) -> Timekeeper:
    found = Timekeeper(box, built_ms=BUILT, **more)
    found.recall(saved, anchor)
    return found


@pytest.mark.parametrize(
    ("box", "saved", "start"),
    [
        (Box(zero=NOW), 0, NOW + 1000),  # nobody vouches for it, and it is the best there is
        (Box(zero=0), 0, BUILT),  # 1970: a power cut without a battery
        (Box(zero=0), NOW, NOW),  # the last time that was saved
        (Box(zero=BUILT), NOW, NOW),  # a shutdown's time that a service restored
        (Box(zero=NOW), BUILT + 7, NOW + 1000),
    ],
)
def test_the_clock_starts_at_the_latest_time_that_has_certainly_passed(box, saved, start) -> None:
    clock = keeper(box, saved=saved)
    assert not clock.is_known
    assert clock.now_ms() == start
    assert clock.floor_ms == max(BUILT, saved)
    box.steady += 5
    assert clock.now_ms() == start + 5


@pytest.mark.parametrize(
    ("box", "trust", "is_known"),
    [
        (Box(is_synced=True), Trust.AUTO, True),
        (Box(is_synced=False), Trust.AUTO, False),
        (Box(is_synced=False), Trust.SYSTEM, True),
        (Box(is_synced=True), Trust.SERVER, False),
        (Box(zero=0, is_synced=True), Trust.AUTO, False),  # an NTP server of 1970
        (Box(zero=0), Trust.SYSTEM, False),  # the battery is dead
        (Box(zero=2 * LATEST_MS, is_synced=True), Trust.AUTO, False),
    ],
)
def test_whom_the_clock_believes_at_its_start(box, trust, is_known) -> None:
    assert keeper(box, trust=trust).is_known is is_known


def test_a_saved_time_in_the_future_gives_way_to_the_truth() -> None:
    box = Box(is_synced=True)
    assert keeper(box, saved=NOW + 1000 * HOUR).now_ms() == NOW + 1000
    box.is_synced = False
    clock = keeper(box, saved=NOW + 1000 * HOUR)
    assert clock.believe(Truth(NOW, 10, "server")) == ClockSet(
        by_ms=-1000 * HOUR + 1000, was_known=False, source="server"
    )


def test_a_step_of_the_system_clock_moves_nothing_until_somebody_vouches_for_it() -> None:
    box = Box()
    clock = keeper(box)
    box.zero += HOUR
    assert clock.ask_system() is None
    assert clock.now_ms() == NOW + 1000
    box.is_synced = True
    assert clock.now_ms() == NOW + 1000
    assert clock.ask_system() == ClockSet(by_ms=HOUR, was_known=False, source="system clock")
    assert clock.now_ms() == NOW + HOUR + 1000


@pytest.mark.parametrize("by", [STEP_MS, -STEP_MS, 1, 0])
def test_small_corrections_are_left_alone_and_do_not_add_up_unseen(by) -> None:
    box = Box(is_synced=True)
    clock = keeper(box)
    box.zero += by
    assert clock.ask_system() is None
    box.zero += STEP_MS + 1 if by >= 0 else -STEP_MS - 1
    found = clock.ask_system()
    assert found is not None
    assert found.by_ms == box.zero - NOW
    assert clock.now_ms() == box.system_ms()


def test_what_is_known_stays_known_when_nobody_vouches_any_more() -> None:
    box = Box(is_synced=True)
    clock = keeper(box)
    box.is_synced = False
    box.zero = 0
    assert clock.ask_system() is None
    assert clock.is_known
    assert clock.now_ms() == NOW + 1000


def test_times_read_before_a_step_learn_what_they_lack() -> None:
    box = Box(is_synced=True)
    clock = keeper(box)
    settings = [clock.look()[0]]
    for by in (HOUR, -2 * HOUR):
        box.zero += by
        clock.ask_system()
        settings.append(clock.look()[0])
    assert [clock.late_ms(each) for each in settings] == [-HOUR, -2 * HOUR, 0]
    assert clock.late_ms(settings[0], settings[1]) == HOUR


@pytest.mark.parametrize(
    ("anchor", "is_known", "now"),
    [
        (Anchor("boot-1", NOW - HOUR, True), True, NOW - HOUR + 1000),
        (Anchor("boot-1", NOW - HOUR, False), False, NOW - HOUR + 1000),  # the same guess goes on
        (Anchor("boot-0", NOW - HOUR, True), False, NOW + 1000),
        (Anchor("", NOW - HOUR, True), False, NOW + 1000),
        (None, False, NOW + 1000),
    ],
)
def test_an_earlier_run_of_this_boot_hands_on_what_it_knew(anchor, is_known, now) -> None:
    clock = keeper(Box(), anchor=anchor)
    assert (clock.is_known, clock.now_ms()) == (is_known, now)


def test_without_a_name_of_the_boot_nothing_is_handed_on() -> None:
    assert not keeper(Box(boot=""), anchor=Anchor("", NOW, True)).is_known


def test_the_server_is_compared_with_and_believed_only_where_nothing_nearer_is_known() -> None:
    box = Box(is_synced=True)
    clock = keeper(box)
    clock.ask_system()
    assert clock.believe(Truth(NOW - 5000, 10, "server")) is None
    assert clock.offset_ms == 5000  # ahead of the server, and told as such
    box.is_synced = False
    clock.ask_system()
    assert clock.believe(Truth(NOW - 5000, 10, "server")) is not None
    assert (clock.offset_ms, clock.now_ms()) == (0, NOW - 4000)
    assert clock.believe(Truth(NOW - 5900, 1000, "server")) is None  # within its own doubt
    assert clock.offset_ms == 900
    assert clock.believe(Truth(10, 10, "server")) is None  # before we were built
    assert clock.now_ms() == NOW - 4000


def test_the_house_clock_is_never_set() -> None:
    box = Box(is_synced=True)
    clock = keeper(box, house=Clock(0.0, 0.0, 20.0))
    assert (clock.is_known, clock.speed, clock.real(20)) == (True, 20.0, 1.0)
    assert clock.ask_system() is None
    assert clock.believe(Truth(NOW, 10, "server")) is None
    assert clock.offset_ms is None
    assert clock.look()[0] == 0


@pytest.mark.parametrize(
    ("asked", "heard", "server", "truth"),
    [
        (1000, 1100, NOW, Truth(NOW - 1050, 50, "server")),
        (1000, 1000, NOW, Truth(NOW - 1000, 0, "server")),
        (1000, 1001, NOW, Truth(NOW - 1000, 1, "server")),
        (0, MOST_RTT_MS, NOW, Truth(NOW - MOST_RTT_MS // 2, MOST_RTT_MS // 2, "server")),
        (0, MOST_RTT_MS + 1, NOW, None),
        (1000, 999, NOW, None),
        (0, 10, -1, None),
        (0, 10, LATEST_MS + 1, None),
    ],
)
def test_an_answer_proves_the_middle_of_its_way_within_half_of_it(
    asked, heard, server, truth
) -> None:
    assert truth_of(asked, heard, server) == truth


@given(st.integers(0, 10**9), st.integers(0, 2000), st.integers(0, 2000))
def test_the_truth_is_never_farther_away_than_it_says(asked, there, back) -> None:
    truth = truth_of(asked, asked + there + back, NOW + asked + there)
    assert truth is not None
    assert abs(truth.zero_ms - NOW) <= truth.within_ms


def inquiry() -> Inquiry:
    nonces = count()
    return Inquiry(lambda: f"n{next(nonces)}")


def answer(nonce: str, at_ms: object) -> bytes:
    return json.dumps({"nonce": nonce, "at_ms": at_ms}).encode()


def test_the_quickest_of_the_answers_counts() -> None:
    it = inquiry()
    it.begin(0)
    at = 0
    for nth, way in enumerate((900, 40, 300)):
        assert it.question(at) == json.dumps({"nonce": f"n{nth}"}).encode()
        assert it.question(at) is None  # one at a time
        assert not it.is_over(at)
        at += way
        it.hear(answer(f"n{nth}", NOW + at - way // 2), at)
    assert QUESTIONS == 3
    assert it.is_over(at)
    assert it.result() == Truth(NOW, 20, "server")


@pytest.mark.parametrize(
    "payload",
    [
        answer("n1", NOW),  # not our nonce
        answer("n0", "noon"),
        answer("n0", True),
        answer("n0", NOW + 0.5),
        answer("n0", -1),
        b'{"at_ms": 1800000000000}',
        b"[]",
        b"\xff",
        b"[" * 5000,
        answer("n0", NOW)[:-1] + b" " * 1000 + b"}",
    ],
)
def test_what_is_no_answer_to_the_last_question_proves_nothing(payload) -> None:
    it = inquiry()
    it.begin(0)
    it.question(0)
    it.hear(payload, 10)
    assert it.result() is None


@given(st.binary(max_size=60) | st.text(max_size=60).map(str.encode))
def test_garbled_answers_are_ignored(payload) -> None:
    it = inquiry()
    it.begin(0)
    it.question(0)
    it.hear(payload, 10)
    assert it.result() is None


def test_an_answer_that_was_on_its_way_for_long_is_no_answer() -> None:
    it = inquiry()
    it.begin(0)
    it.question(0)
    it.hear(answer("n0", NOW), MOST_RTT_MS + 1)
    assert it.result() is None
    assert it.is_over(PATIENCE_MS)
    it.begin(PATIENCE_MS)
    it.question(PATIENCE_MS)
    it.hear(answer("n0", NOW), PATIENCE_MS + 1)  # of the inquiry before
    assert it.result() is None


class Desk:
    """A box, its clock, and the questions that it published."""

    def __init__(self, **more) -> None:
        self.box = Box(**more)
        self.clock = keeper(self.box)
        self.asked: list[str] = []
        self.takes = True
        self.timing = Timing(self.clock, self.box, self._ask)

    def _ask(self, question: bytes) -> bool:
        if self.takes:
            self.asked.append(json.loads(question)["nonce"])
        return self.takes

    def answer(self) -> ClockSet | None:
        """Work until the inquiry is over, with a server that answers at once."""
        found = None
        for _ in range(QUESTIONS):
            found = self.timing.work() or found
            self.timing.heard(answer(self.asked[-1], NOW + self.box.steady))
        return self.timing.work() or found


def test_nothing_is_sent_before_the_time_is_known_or_was_asked_for_in_vain() -> None:
    it = Desk(zero=0)
    assert it.timing.work() is None
    assert (it.asked, it.timing.may_send) == ([], False)
    it.timing.listened()
    it.timing.work()
    assert (len(it.asked), it.timing.may_send) == (1, False)
    it.box.steady += PATIENCE_MS - 1
    it.timing.work()
    assert not it.timing.may_send
    it.box.steady += 1
    it.timing.work()
    assert it.timing.may_send
    assert not it.clock.is_known
    it.box.steady += UNKNOWN_AGAIN_MS
    found = it.answer()
    assert found is not None
    assert it.clock.now_ms() == NOW + it.box.steady
    assert it.timing.may_send


def test_the_server_is_asked_on_each_connection_and_each_hour() -> None:
    it = Desk()
    it.timing.listened()
    it.answer()
    assert len(it.asked) == QUESTIONS
    it.timing.listened()  # it said so again on the same connection
    it.box.steady += AGAIN_MS - 1
    it.timing.work()
    assert len(it.asked) == QUESTIONS
    it.box.steady += 1
    it.timing.work()
    assert len(it.asked) == QUESTIONS + 1
    it.timing.unheard()
    it.timing.work()
    it.timing.listened()
    it.timing.work()
    assert len(it.asked) == QUESTIONS + 2
    assert len(set(it.asked)) == len(it.asked)


def test_a_time_that_is_known_only_roughly_is_asked_for_again_soon() -> None:
    it = Desk(zero=0)
    it.timing.listened()
    it.timing.work()
    it.box.steady += 3_000  # one slow answer, and no other within the patience
    it.timing.heard(answer(it.asked[-1], NOW + it.box.steady))
    it.box.steady += PATIENCE_MS
    assert it.timing.work() is not None
    assert it.clock.is_known
    known = len(it.asked)
    it.box.steady += ROUGH_AGAIN_MS - 1
    it.timing.work()
    assert len(it.asked) == known
    it.box.steady += 1
    it.answer()
    assert it.clock.now_ms() == NOW + it.box.steady
    asked = len(it.asked)
    it.box.steady += ROUGH_AGAIN_MS
    it.timing.work()
    assert len(it.asked) == asked


def test_a_connection_that_takes_no_question_does_not_hold_back_what_was_measured() -> None:
    it = Desk()
    it.takes = False
    it.timing.listened()
    it.timing.work()
    assert it.timing.may_send


def test_the_system_clock_is_looked_at_every_other_second() -> None:
    it = Desk()
    it.timing.work()
    it.box.is_synced = True
    assert it.timing.work() is None
    assert it.timing.wait_s() == LOOK_MS / 1000
    it.box.steady += LOOK_MS
    found = it.timing.work()
    assert found is not None
    assert not found.was_known
    assert it.timing.may_send


def test_this_version_was_built_in_the_past() -> None:
    assert NOT_BEFORE_MS <= built_ms() <= Clock().now_ms()
