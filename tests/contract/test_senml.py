"""SenML packs: what goes in comes out; what is hostile is refused, and nothing else with it."""

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from edge.contract import senml
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Decoded, Reading, Rejected

NOW_MS = 1_795_390_000_000
BASE = {"bn": "reach/", "bt": 1_795_389_000, "run": "r", "seq": 0}
GOOD = {"n": "ph", "u": "pH", "v": 7.0}

ids = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)
names = st.one_of(
    st.just(("", "")),
    st.tuples(ids, st.just("")),
    st.tuples(ids, ids),
)
values = st.floats(allow_nan=False, allow_infinity=False)
times = st.integers(senml.YEAR_2000_MS, NOW_MS + senml.AHEAD_MS)


@st.composite
def readings(draw, seq: int = 0) -> Reading:
    place, port = draw(names)
    metric = draw(st.sampled_from(sorted(METRICS)))
    value = draw(st.none() | (st.sampled_from([0.0, 1.0]) if METRICS[metric].is_flag else values))
    if value is None:
        quality, reason = Quality.MISSING, draw(st.text(min_size=1, max_size=200))
    else:
        quality = draw(st.sampled_from([q for q in Quality if q != Quality.MISSING]))
        reason = draw(st.text(max_size=200))
    reason = "".join(c if c.isprintable() else "?" for c in reason)
    return Reading(
        place=place, port=port, metric=metric, value=value, at_ms=draw(times),
        quality=quality, reason=reason, run="run-1", seq=seq,
    )  # fmt: skip


spans = st.tuples(ids, st.integers(0, 9), st.integers(10, 2**53 - 1), st.text("abc ", max_size=99))


def decode(payload: bytes, **more: Any) -> Decoded | Rejected:
    return senml.decode(payload, topic="t", site="s", device="d", now_ms=NOW_MS, **more)


def pack(*records: object) -> Decoded:
    got = decode(json.dumps(records).encode())
    assert isinstance(got, Decoded)
    return got


@settings(deadline=None)
@given(st.lists(readings(), min_size=1, max_size=20), st.lists(spans, max_size=3), st.data())
def test_readings_come_back_as_they_went(some, dropped, data) -> None:
    first = data.draw(st.integers(0, 2**50))
    some = [
        Reading(**{name: getattr(each, name) for name in Reading.__slots__} | {"seq": first + n})
        for n, each in enumerate(some)
    ]
    got = decode(senml.encode(some, dropped))
    assert isinstance(got, Decoded)
    assert got.rejected == ()
    assert list(got.batch.readings()) == some
    assert got.dropped == tuple(dropped)
    assert (got.batch.site, got.batch.device, got.batch.first, got.batch.count) == (
        "s", "d", first, len(some),
    )  # fmt: skip


def test_a_fault_code_of_a_flag_stays_visible() -> None:
    reading = Reading(
        place="shed", port="", metric="smoke", value=-9999.0, at_ms=NOW_MS, run="r", seq=0
    )
    got = decode(senml.encode([reading]))
    assert isinstance(got, Decoded)
    assert got.batch.value == [-9999.0]


def test_five_hundred_readings_have_about_thirty_kilobytes() -> None:
    some = [
        Reading(place="laobakou", port="", metric="water-temp", value=14.25 + n % 7 / 100,
                at_ms=NOW_MS - n * 60_000, run="r", seq=n)
        for n in range(500)
    ]  # fmt: skip
    assert len(senml.encode(some)) < 32_000


@pytest.mark.parametrize("numbers", [[0, 2], [1, 0], [0, 0]])
def test_only_consecutive_readings_make_a_pack(numbers) -> None:
    some = [
        Reading(place="a", port="", metric="ph", value=7.0, at_ms=NOW_MS, run="r", seq=seq)
        for seq in numbers
    ]
    with pytest.raises(ValueError, match="does not follow"):
        senml.encode(some)
    with pytest.raises(ValueError, match="at least one"):
        senml.encode([])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=5), inner, max_size=4)
    ),
    max_leaves=10,
)
labels = st.sampled_from(
    ["bn", "bt", "bu", "bv", "bver", "n", "u", "v", "vb", "vs", "t", "q", "why", "x_"]
)


@settings(deadline=None)
@given(st.lists(st.dictionaries(labels, json_values, max_size=6), max_size=5))
def test_whatever_a_record_holds_its_neighbours_go_on(middle) -> None:
    again = {"bn": "reach/", "bt": 1_795_389_500, "bu": "pH", "bv": 0, "bver": 10, **GOOD}
    got = decode(json.dumps([{**BASE, **GOOD}, *middle, again]).encode())
    assert isinstance(got, Decoded)
    assert len(got.batch) + len(got.rejected) == len(middle) + 2
    seqs = [*got.batch.seq, *(each.seq or 0 for each in got.rejected)]
    assert sorted(seqs) == list(range(len(middle) + 2))
    assert {0, len(middle) + 1} <= set(got.batch.seq)
    for each in got.rejected:
        assert 0 < len(each.reason) < 600
        assert len(each.raw) < 8_001
        each.reason.encode()
    for reason in got.batch.reasons.values():
        assert reason.isprintable()


@given(st.binary(max_size=200))
def test_garbled_bytes_are_refused_whole(payload) -> None:
    assert isinstance(decode(payload), Rejected)


@given(json_values)
def test_any_json_is_judged_without_a_crash(value) -> None:
    assert isinstance(decode(json.dumps(value).encode()), Decoded | Rejected)


@pytest.mark.parametrize(
    ("payload", "part"),
    [
        (b"[" + b" " * 10_000_000 + b"]", "the message has 10000002 bytes"),
        (json.dumps([{**BASE, **GOOD}] + [{}] * 9_999).encode(), "the pack has 10000 records"),
        (b"[" * 100_000 + b"]" * 100_000, "not JSON"),
        (b'[{"a":' * 50_000 + b"1" + b"}]" * 50_000, "not JSON"),
        (b"\xff\xfe\x00", "not JSON"),
        (b"[" + b"9" * 5_000 + b"]", "not JSON"),
    ],
    ids=["10 MB", "10,000 records", "deep lists", "deep objects", "no text", "a giant number"],
)
def test_a_hostile_message_is_refused_whole_and_cut_short(payload: bytes, part: str) -> None:
    got = decode(payload)
    assert isinstance(got, Rejected)
    assert part in got.reason
    assert len(got.raw) <= senml.MAX_BYTES


@pytest.mark.parametrize("depth", [100, 500, 900, 940, 960, 970, 980, 990])
def test_a_deeply_nested_field_hurts_its_own_record_at_most(depth: int) -> None:
    nested = "[" * depth + "]" * depth
    first = json.dumps({**BASE, **GOOD})
    payload = f'[{first},{{"n":"ph","v":7,"q":{nested}}},{{"n":"ph","v":7,"t":1}}]'
    got = decode(payload.encode())
    if isinstance(got, Decoded):
        assert got.batch.seq == [0, 2]
    else:
        assert got.reason.startswith("not JSON")


def test_a_faster_loader_may_be_handed_in() -> None:
    calls = []

    def loads(payload: bytes) -> object:
        calls.append(payload)
        return json.loads(payload)

    assert isinstance(decode(json.dumps([{**BASE, **GOOD}]).encode(), loads=loads), Decoded)
    assert len(calls) == 1


def test_a_reading_goes_into_a_batch_and_out_again() -> None:
    batch = Batch(site="s", device="d", run="run-1", first=4, count=3)
    some = [
        Reading(place="a", port="", metric="ph", value=None, at_ms=n, quality=Quality.MISSING,
                reason=f"why {n}", run="run-1", seq=4 + n)
        for n in range(3)
    ]  # fmt: skip
    for reading in some:
        batch.add(reading)
    assert list(batch.readings()) == some
    part = batch.only([0, 2])
    assert list(part.readings()) == [some[0], some[2]]
    assert (part.first, part.count) == (4, 3)


def test_dropped_ranges_are_bounded_and_clean() -> None:
    assert isinstance(
        decode(json.dumps([{**BASE, **GOOD, "dropped": [["r", 0, 2**53, "x"]]}]).encode()), Rejected
    )
    got = pack({**BASE, **GOOD, "dropped": [["r", 0, 1, "\ud800\x1b[31m"]]})
    assert got.dropped == (("r", 0, 1, "??[31m"),)


def test_a_time_is_judged_as_it_is_kept() -> None:
    early = Reading(place="a", port="", metric="do", value=1.0, at_ms=1_619_857_180_840, run="r")
    first_of_2000 = replace(early, at_ms=946_684_800_000, seq=1)
    got = decode(senml.encode([early, first_of_2000]))
    assert isinstance(got, Decoded)
    assert got.batch.at_ms == [1_619_857_180_840, 946_684_800_000]


@settings(deadline=None)
@given(st.lists(st.integers(0, 60 * 86_400_000), min_size=1, max_size=20), st.integers(0, 2**41))
def test_times_of_a_clock_that_is_not_set_come_back_as_long_ago_as_they_went(ago, box_ms) -> None:
    some = [
        Reading(place="a", port="", metric="do", value=1.0, at_ms=box_ms - each, run="r", seq=n)
        for n, each in enumerate(ago)
    ]
    got = decode(senml.encode(some, relative_to_ms=box_ms))
    assert isinstance(got, Decoded)
    assert got.rejected == ()
    assert got.batch.at_ms == [NOW_MS - each for each in ago]


def test_a_stamp_ahead_of_its_own_clock_is_now() -> None:
    some = [
        Reading(place="a", port="", metric="do", value=1.0, at_ms=at_ms, run="r", seq=n)
        for n, at_ms in enumerate((5_000, 7_003))
    ]
    got = decode(senml.encode(some, relative_to_ms=7_000))
    assert isinstance(got, Decoded)
    assert got.batch.at_ms == [NOW_MS - 2_003, NOW_MS]


@pytest.mark.parametrize(
    ("at_s", "is_taken"),
    [
        (0, True),
        (-0.25, True),
        (-60 * 86_400, True),
        (-60 * 86_400 - 1, False),  # longer than a journal keeps anything
        (0.001, False),  # ahead, or a clock of 1970 that has just been started
        (86_400, False),
        (2**28 - 1, False),
        (2**28, False),  # absolute, of 1978
        (-(2**28), False),
    ],
)
def test_only_the_last_sixty_days_may_be_told_relative_to_now(at_s, is_taken) -> None:
    got = pack({**BASE, "bt": at_s, **GOOD})
    assert len(got.batch) == is_taken
    if is_taken:
        assert got.batch.at_ms == [NOW_MS + round(at_s * 1000)]


def test_a_word_beside_a_value_is_bounded_and_clean() -> None:
    got = pack({**BASE, **GOOD, "q": 4, "why": "x" * 300}, {**GOOD, "why": "\ud800\x1b[31m"})
    assert got.batch.reasons == {0: "x" * 200, 1: "??[31m"}
    got = pack({**BASE, **GOOD, "why": 7}, GOOD)
    assert [(each.seq, each.reason) for each in got.rejected] == [(0, "'why' is a string")]
    assert len(got.batch) == 1
