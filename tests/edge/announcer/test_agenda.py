"""What is said when, second by second."""

import pytest

from edge.announcer.agenda import MOST, TIMES, Agenda, in_order
from edge.announcer.voice import AnnouncerPlan, command, speakable

ZH = (("zh", "一号棚冒烟"),)


def agenda(silent_s: int = 300) -> Agenda:
    return Agenda(30_000, silent_s * 1000)


def said(each: Agenda, until_s: int, since_s: int = 0) -> list[tuple[int, str]]:
    """Second and key of all that is said."""
    found = []
    for s in range(since_s, until_s):
        while item := each.due(s * 1000):
            found.append((s, item.key))
    return found


def test_what_is_urgent_is_repeated_and_the_rest_said_once() -> None:
    each = agenda()
    each.announce("i-1", ZH, 0, is_urgent=True)
    each.announce("i-2", ZH, 0, is_urgent=False)
    assert said(each, 70) == [
        (0, "incident i-1"), (0, "incident i-2"), (30, "incident i-1"), (60, "incident i-1"),
    ]  # fmt: skip


def test_a_hush_ends_one_and_the_button_all() -> None:
    each = agenda()
    for name in ("i-1", "i-2", "i-3"):
        each.announce(name, ZH, 0, is_urgent=name != "i-3")
    said(each, 1)
    assert each.hush("i-1")
    assert not each.hush("i-1")
    assert each.take_over() == ["i-2", "i-3"], "what was said once can be taken over, too"
    assert said(each, 100, 1) == []


def test_the_same_incident_anew_replaces_its_words() -> None:
    each = agenda()
    each.announce("i-1", ZH, 0, is_urgent=True)
    each.announce("i-1", (("zh", "两个棚冒烟"),), 0, is_urgent=True)
    item = each.due(0)
    assert item is not None
    assert item.texts == (("zh", "两个棚冒烟"),)
    assert each.due(0) is None


def test_nothing_is_repeated_for_ever() -> None:
    each = agenda()
    each.announce("i-1", ZH, 0, is_urgent=True)
    assert len(said(each, 30 * (TIMES + 5))) == TIMES


def test_too_many_drop_what_is_least_urgent() -> None:
    each = agenda()
    each.announce("calm", ZH, 0, is_urgent=False)
    for n in range(MOST):
        each.announce(f"i-{n}", ZH, 0, is_urgent=True)
    assert len(each.items) == MOST
    assert not each.hush("calm")


@pytest.mark.parametrize(
    ("sentence", "away", "expected"),
    [
        ("a short absence is not said", [(0, False), (299, True)], []),
        ("a long one once", [(0, False)], [300]),
        ("and then hourly", [(0, False), (8000, True)], [300, 3900, 7500, 8000]),
        ("its return only when its absence was said", [(0, False), (400, True)], [300, 400]),
        ("said again and again that it is away counts once", [(0, False), (200, False)], [300]),
        ("back and away begins anew", [(0, False), (200, True), (201, False)], [501]),
    ],
)
def test_a_server_that_is_away(sentence, away, expected) -> None:
    each, found = agenda(), []
    until_s = 8100 if len(away) > 1 and away[1][0] == 8000 else 600
    for s in range(until_s):
        for at_s, is_there in away:
            if at_s == s:
                each.server(is_there, s * 1000)
        while each.due(s * 1000):
            found.append(s)
    assert found == expected, sentence


def test_zero_seconds_say_nothing_of_the_server() -> None:
    each = agenda(0)
    each.server(False, 0)
    assert said(each, 8000) == []
    assert each.wait_ms(0) is None


def test_the_wait_is_until_the_next_that_is_due() -> None:
    each = agenda()
    assert each.wait_ms(0) is None
    each.server(False, 0)
    assert each.wait_ms(100_000) == 200_000
    each.announce("i-1", ZH, 100_000, is_urgent=True)
    assert each.wait_ms(100_000) == 0
    each.due(100_000)
    assert each.wait_ms(110_000) == 20_000


def test_languages_come_in_the_boxs_order_and_a_strange_one_is_better_than_none() -> None:
    texts = (("en", "smoke"), ("zh", "冒烟"))
    assert in_order(texts, ("zh", "en")) == [("zh", "冒烟"), ("en", "smoke")]
    assert in_order(texts, ("en",)) == [("en", "smoke")]
    assert in_order(texts, ("uy",)) == list(texts)


@pytest.mark.parametrize(
    ("text", "spoken"),
    [
        ("一号棚冒烟", "一号棚冒烟"),
        ("--rate=9000", "rate=9000"),
        ("@/etc/passwd", "etc/passwd"),
        ("$(reboot); `id` | x", "$(reboot); `id` | x"),
        ("a\x1b[2Jb\nc\x00d", "a [2Jb c d"),
        ("   ", "?"),
        ("-" * 600, "?"),
        ("长" * 600, "长" * 500),
    ],
)
def test_a_text_is_one_argument_and_never_an_option(text, spoken) -> None:
    assert speakable(text) == spoken
    plan = AnnouncerPlan(say=("espeak-ng", "-v", "{voice}", "{text}"), voices=(("zh", "cmn"),))
    assert command(plan, "zh", text) == ["espeak-ng", "-v", "cmn", spoken]


def test_a_language_cannot_bring_a_placeholder_of_its_own() -> None:
    plan = AnnouncerPlan(say=("say", "{voice}", "{text}"))
    assert command(plan, "{text}", "x") == ["say", "{text}", "x"]
