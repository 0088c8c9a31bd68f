"""Ids, topics, subjects, status, the catalogue, limits: small values with sharp edges."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract import topics
from edge.contract.compare import Edge, Gate, Limit, advance, judge
from edge.contract.ids import is_id
from edge.contract.metrics import METRICS, SENTINELS
from edge.contract.status import MOST_CUTS, State, Status
from edge.contract.subject import Subject, SubjectKind
from edge.contract.topics import Kind, Topic

ids = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)


@pytest.mark.parametrize(
    ("text", "holds"),
    [
        ("a", True), ("shed-1", True), ("x" * 64, True), ("-", True),
        ("", False), ("x" * 65, False), ("Shed", False), ("a b", False), ("a/b", False),
        ("a\n", False), ("棚", False), ("a_b", False), ("+", False), ("#", False),
        (None, False), (1, False), (b"a", False),
    ],
)  # fmt: skip
def test_what_is_an_id(text, holds) -> None:
    assert is_id(text) is holds


@given(ids, ids, st.sampled_from(Kind))
def test_a_topic_comes_back_as_it_was_spelled(site, device, kind) -> None:
    topic = Topic(site, device, kind)
    assert Topic.parse(str(topic)) == topic


@pytest.mark.parametrize(
    "text",
    [
        "", "shouwang/v1", "shouwang/v1/a/b", "shouwang/v1/a/b/", "shouwang/v1/a/b/other",
        "shouwang/v2/a/b/readings", "other/v1/a/b/readings", "/shouwang/v1/a/b/readings",
        "shouwang/v1/a/b/readings/", "shouwang/v1/a/b/config", "shouwang/v1/a/b/config/desired/x",
        "shouwang/v1/A/b/readings", "shouwang/v1/a//readings", "$SYS/broker/uptime",
    ],
)  # fmt: skip
def test_other_topics_are_not_ours(text) -> None:
    assert Topic.parse(text) is None


def test_the_filter_of_a_kind_spans_all_devices() -> None:
    assert topics.every_device(Kind.CONFIG_REPORTED) == "shouwang/v1/+/+/config/reported"
    assert Kind.READINGS not in topics.RETAINED


@given(st.sampled_from(SubjectKind), ids, ids, ids)
def test_a_subject_comes_back_as_it_was_spelled(kind, site, name, port) -> None:
    has_port = kind in (SubjectKind.PORT, SubjectKind.CIRCUIT)
    subject = Subject(kind, site, name, port if has_port else "")
    assert Subject.parse(str(subject)) == subject


@pytest.mark.parametrize(
    "text", ["", "place", "place:a", "place:a/b/c", "port:a/b", "shed:a/b", "place:A/b", "place:/b"]
)
def test_other_texts_are_no_subject(text) -> None:
    with pytest.raises(ValueError, match=r"(?i)subject"):
        Subject.parse(text)


@given(
    st.sampled_from(State),
    st.just("") | ids,
    st.text(st.characters(categories=["L", "N", "P", "Zs"]), max_size=64).filter(str.isprintable),
    st.none() | st.integers(0, 2**53 - 1),
    st.lists(st.integers(0, 2**53 - 1), max_size=MOST_CUTS),
)
def test_a_status_comes_back_as_it_was_said(state, run, firmware, at_ms, cuts_ms) -> None:
    status = Status(state=state, run=run, firmware=firmware, at_ms=at_ms, cuts_ms=tuple(cuts_ms))
    assert Status.decode(status.encode()) == status


@pytest.mark.parametrize("cuts", ["5", "[1.5]", "[-1]", '{"1": 2}', str([1] * (MOST_CUTS + 1))])
def test_a_status_with_cuts_that_are_none_is_none(cuts: str) -> None:
    assert Status.decode(f'{{"state":"online","cuts_ms":{cuts}}}'.encode()) is None


@given(st.binary(max_size=99))
def test_a_garbled_status_is_none(payload) -> None:
    assert Status.decode(payload) is None


def test_a_deeply_nested_status_is_none() -> None:
    assert Status.decode(b'{"state":' + b"[" * 10**5) is None


def test_a_status_whose_time_no_database_holds_is_none() -> None:
    assert Status.decode(b'{"state":"online","at_ms":1000000000000000000000}') is None


def test_the_catalogue_is_sound() -> None:
    for name, metric in METRICS.items():
        assert is_id(name)
        assert metric.name == name
        assert metric.zh
        assert metric.en
        assert metric.senml
        assert metric.span[0] < metric.span[1]
        if metric.usual is not None:
            assert metric.span[0] <= metric.usual[0] < metric.usual[1] <= metric.span[1]
        assert re.fullmatch(r"[A-Za-z%/0-9]+", metric.senml)
        assert 0 <= metric.decimals <= 3
    assert len({metric.zh for metric in METRICS.values()}) == len(METRICS)
    assert -9999.0 in SENTINELS


@pytest.mark.parametrize(
    ("fields", "part"),
    [
        ({}, "needs 'above' or 'below'"),
        ({"above": 1, "clear_above": 2}, "lies over"),
        ({"below": 1, "clear_below": 0}, "lies under"),
        ({"above": 1, "clear_below": 0}, "'clear_below' without 'below'"),
        ({"above": 1, "for_ms": -1}, "not negative"),
    ],
)
def test_a_limit_that_makes_no_sense_is_refused(fields, part) -> None:
    with pytest.raises(ValueError, match=part):
        Limit(**fields)


def test_waiting_alone_can_raise_but_no_longer_than_a_value_holds() -> None:
    limit = Limit(above=60, for_ms=5_000)
    gate = Gate()
    assert advance(limit, gate, 9_000, 4_000) is None
    judge(limit, gate, 61, 0, 4_000)
    assert advance(limit, gate, 99_000, 4_000) is None
    judge(limit, gate, 61, 3_000, 4_000)
    assert advance(limit, gate, 4_999, 4_000) is None
    assert advance(limit, gate, 5_000, 4_000) == (Edge.RAISED, 5_000)
    assert advance(limit, gate, 6_000, 4_000) is None


@given(
    st.lists(st.tuples(st.integers(0, 20), st.integers(0, 12)), max_size=40),
    st.integers(0, 30), st.integers(0, 30), st.integers(1, 40), st.integers(4, 8),
)  # fmt: skip
def test_edges_alternate_rise_in_time_and_never_lie_ahead(steps, for_ms, keep_ms, hold, clear):
    limit = Limit(above=8, clear_above=clear, for_ms=for_ms, keep_ms=keep_ms)
    gate, at, edges = Gate(), 0, []
    for gap, value in steps:
        at += gap
        new = judge(limit, gate, value, at, hold)
        assert all(when <= at for _, when in new)
        edges += new
    assert [edge for edge, _ in edges] == ([Edge.RAISED, Edge.CLEARED] * 40)[: len(edges)]
    assert [when for _, when in edges] == sorted(when for _, when in edges)


@given(
    st.lists(st.tuples(st.integers(0, 9), st.integers(0, 12)), max_size=30),
    st.integers(0, 20), st.integers(0, 20), st.integers(1, 30),
)  # fmt: skip
def test_looking_in_between_changes_nothing(steps, for_ms, keep_ms, hold) -> None:
    """A device that looks at each second and a server that looks at each value agree."""
    limit = Limit(above=8, clear_above=6, for_ms=for_ms, keep_ms=keep_ms)
    seldom, often, at = Gate(), Gate(), 0
    edges_seldom, edges_often = [], []
    for gap, value in steps:
        for tick in range(at, at + gap):
            edge = advance(limit, often, tick, hold)
            edges_often += [edge] if edge else []
        at += gap
        edges_seldom += judge(limit, seldom, value, at, hold)
        edges_often += judge(limit, often, value, at, hold)
    assert edges_often == edges_seldom
