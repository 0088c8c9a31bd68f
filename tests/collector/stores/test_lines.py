import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.stores.lines import (
    apart,
    escape,
    line_of_row,
    line_of_verdict,
    lines_of,
    ranges,
    readings_in,
    time_of,
)
from collector.stores.port import Series
from edge.contract.ids import ID_PATTERN
from edge.contract.metrics import METRICS
from edge.contract.quality import Check, Quality
from edge.contract.reading import Batch, Form
from tests.collector.stores.batches import DEVICE, NH3N, NOON, PH, PLACE, SITE, batch

HEAD = f"reading,site={SITE},device={DEVICE},place={PLACE}"


def test_the_metrics_of_a_place_and_time_are_one_line():
    lines = lines_of(batch([(PH, NOON, 7.1, Quality.GOOD), (NH3N, NOON, 0.3, Quality.SUSPECT)]))
    assert lines == [f"{HEAD} ph=7.1,ph_q=1i,nh3n=0.3,nh3n_q=3i {NOON}"]
    assert readings_in(lines[0]) == 2
    assert time_of(lines[0]) == NOON


@pytest.mark.parametrize(
    ("value", "quality", "expected"),
    [
        (None, Quality.MISSING, "ph_q=9i"),
        (7.0, Quality.MISSING, "ph_q=9i"),
        (99.0, Quality.FAIL, "ph=99.0,ph_q=4i"),
        (7, Quality.GOOD, "ph=7.0,ph_q=1i"),  # a whole number must not make a field of integers
        (1e22, Quality.GOOD, "ph=1e+22,ph_q=1i"),
        (-0.001, Quality.GOOD, "ph=-0.001,ph_q=1i"),
    ],
)
def test_a_value_is_a_float_and_what_is_missing_has_its_quality_alone(value, quality, expected):
    assert lines_of(batch([(PH, NOON, value, quality)])) == [f"{HEAD} {expected} {NOON}"]


def ports(count: int) -> st.SearchStrategy[list[str]]:
    return st.lists(st.sampled_from(["", "1", "2"]), min_size=count, max_size=count)


@given(
    st.lists(st.sampled_from(sorted(METRICS)), min_size=1, max_size=6),
    st.data(),
)
def test_a_pack_of_a_form_gives_the_lines_of_its_columns(names, data):
    value = st.floats(-1e300, 1e300).map(lambda v: v + 0.0)
    quality = st.sampled_from([int(each) for each in Quality if each is not Quality.MISSING])
    usual = data.draw(st.booleans())
    pack = Batch(
        site="s", device="d", run="r", first=0, count=len(names), metric=names, seq=[],
        place=["a"] * len(names), port=data.draw(ports(len(names))), at_ms=[NOON] * len(names),
        value=[data.draw(value) for _ in names],
        quality=[int(Quality.GOOD) if usual else data.draw(quality) for _ in names],
    )  # fmt: skip
    plain = lines_of(pack)
    pack.form = Form("s", "d", pack.place, pack.port, pack.metric)
    assert lines_of(pack) == plain
    assert lines_of(pack) == plain


def test_of_the_same_point_twice_the_later_one_stays():
    lines = lines_of(batch([(PH, NOON, 7.1, Quality.GOOD), (PH, NOON, 7.2, Quality.GOOD)]))
    assert lines == [f"{HEAD} ph=7.2,ph_q=1i {NOON}"]


def test_what_tests_marked_is_told_and_nothing_else_grows():
    one = batch([(PH, NOON, 7.1, Quality.GOOD), (NH3N, NOON, 9.0, Quality.SUSPECT)])
    one.marks[1] = Check.SPIKE.suspect
    (line,) = lines_of(one)
    assert line == f"{HEAD} ph=7.1,ph_q=1i,nh3n=9.0,nh3n_q=3i,nh3n_t=256i {NOON}"
    assert readings_in(line) == 2
    assert line_of_verdict(NH3N, NOON, 3, 256) == f"{HEAD} nh3n_q=3i,nh3n_t=256i {NOON}"


def test_what_a_device_says_of_itself_has_no_place_and_a_socket_has_a_port():
    battery = Series(SITE, DEVICE, "", "", "battery")
    socket = Series(SITE, DEVICE, PLACE, "p-1", "power")
    lines = lines_of(batch([(battery, 1, 3.6, Quality.GOOD), (socket, 1, 80.0, Quality.GOOD)]))
    assert lines == [
        f"reading,site={SITE},device={DEVICE} battery=3.6,battery_q=1i 1",
        f"{HEAD},port=p-1 power=80.0,power_q=1i 1",
    ]


def test_a_roll_up_has_five_fields():
    line = line_of_row(PH, (NOON, 7.0, 7.5, 8.0, 3, 1))
    assert line == f"{HEAD} ph_min=7.0,ph_mean=7.5,ph_max=8.0,ph_n=3i,ph_suspect=1i {NOON}"


def unescape(text: str) -> list[str]:
    """The tags' values of a line's head, read as InfluxDB reads them."""
    values, part, i = [], "", 0
    while i < len(text):
        if text[i] == "\\" and i + 1 < len(text) and text[i + 1] in ",= ":
            part, i = part + text[i + 1], i + 2
            continue
        if text[i] in ",= ":
            values.append(part)
            part = ""
        else:
            part += text[i]
        i += 1
    return [*values, part]


printable = st.text(min_size=1).filter(lambda text: text.isprintable() and "\\" not in text)


@given(printable, printable)
def test_whatever_can_be_said_is_read_again(one, other):
    assert unescape(f"{escape(one)},{escape(other)}") == [one, other]


@given(st.from_regex(ID_PATTERN, fullmatch=True))
def test_ids_need_no_escape(text):
    assert escape(text) == text


@pytest.mark.parametrize("text", ["", "a\nb", "a\\", "a\x00"])
def test_what_line_protocol_cannot_say_is_refused(text):
    with pytest.raises(ValueError, match="line protocol"):
        escape(text)


def test_spans_join_over_small_gaps_only():
    assert ranges([0, 10, 30, 100], 10, 1) == [(0, 40), (100, 110)]
    assert ranges([], 10, 1) == []


def test_a_line_comes_apart_into_its_metrics():
    head, at_ms = r"reading,site=a\ b,place=c\,d", 1_780_315_200_000
    line = rf'{head} ph=7.0,ph_q=1i,do_q=9i,x\,y=1e-05,x\,y_q=3i,ph_why="a, b=c" {at_ms}'
    assert apart(line) == [
        rf'{head} ph=7.0,ph_q=1i,ph_why="a, b=c" {at_ms}',
        rf"{head} do_q=9i {at_ms}",
        rf"{head} x\,y=1e-05,x\,y_q=3i {at_ms}",
    ]
    assert apart("no line") == ["no line"]
