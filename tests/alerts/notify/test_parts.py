"""A notice's words, taken apart again by the sentences that made them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.figures import clean
from alerts.notify.notice import Notice
from alerts.notify.parts import Part, parts_of
from alerts.phrases import EN, SEVERITIES, ZH
from alerts.registry.model import Address, ChannelKind, Source
from alerts.words import Language
from tests.alerts.notify.worlds import notice

ADDRESS = Address(channel=ChannelKind.SMS, to="13800001111")
TAGS = [*SEVERITIES[Language.ZH].values(), *ZH.tags.values()]
MARKS = ["", "【演练】", *ZH.marks.values()]


def said(title: str, text: str = "怎么办：打 119", **more: object) -> Notice:
    return notice(ADDRESS, title=title, text=text, **more)


@given(
    st.sampled_from(MARKS),
    st.sampled_from(TAGS),
    st.text("棚a【号 】12-", min_size=1, max_size=30).map(clean).filter(bool),
    st.sampled_from(["功率过高", "烟感报警", "没下雨，疑似有人偷排"]),
)
def test_what_was_put_together_comes_apart(mark: str, tag: str, where: str, what: str) -> None:
    parts = parts_of(said(mark + ZH.title.format(tag=tag, where=where, name=what)))
    assert parts is not None
    assert (parts.mark, parts.severity, parts.place, parts.what) == (mark, tag, where, what)


def test_english_comes_apart_too() -> None:
    title = EN.marks[Source.SIMULATED] + EN.title.format(
        tag="Needs someone", where="Shed 2 socket 7", name="too much power"
    )
    parts = parts_of(said(title, "x\nNow: go and look.", language=Language.EN))
    assert parts is not None
    assert (parts.place, parts.what, parts.do) == (
        "Shed 2 socket 7",
        "too much power",
        "go and look.",
    )


@pytest.mark.parametrize("title", ["eb-smoke · riverside/shed-2", "：", "【】", "[x]", "】："])
def test_what_does_not_come_apart_stands_whole(title: str) -> None:
    parts = parts_of(said(title, ""))
    assert parts is not None
    assert (parts.place, parts.what, parts.do) == ("—", title, "—")


def test_without_a_title_the_first_line_speaks_and_without_both_nothing_does() -> None:
    parts = parts_of(said(" ", "\n着火了\n"))
    assert parts is not None
    assert parts.what == "着火了"
    assert parts_of(said("", " \n")) is None


@given(st.text(max_size=80), st.text(max_size=80), st.integers(8, 40), st.sampled_from(Part))
def test_a_field_is_one_short_line_and_never_empty(
    title: str, text: str, most: int, part: Part
) -> None:
    parts = parts_of(said(title, text))
    if parts is not None:
        field = parts.by(part, most)
        assert 0 < len(field) <= most or (part is Part.TIME and field)
        assert field.isprintable()


def test_a_mark_of_a_drill_is_never_cut_away() -> None:
    parts = parts_of(said("【演练】【危险】临江社区东苑小区 2 号充电棚 7 号插座：烟感报警"))
    assert parts is not None
    assert parts.by(Part.SUMMARY, 20).startswith("【演练】")
    assert parts.by(Part.PLACE, 12).startswith("【演练】") or "演" in parts.by(Part.PLACE, 12)
