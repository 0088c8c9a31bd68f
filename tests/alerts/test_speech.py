"""What is said aloud: short, whole, without links, in both languages."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notify.notice import NoticeReason
from alerts.packs import shipped
from alerts.rules.packs import read_packs
from alerts.speech import LONGEST, bounded, by_language, spoken_words
from alerts.words import Language
from tests.alerts.test_messages import POWER, REGISTRY, power, smoke

RULES = read_packs(shipped()).rules


@pytest.mark.parametrize("rule", RULES.values(), ids=str)
@pytest.mark.parametrize("reason", [NoticeReason.OPENED, NoticeReason.SECOND_LOOK])
def test_every_rule_can_be_said_in_two_lines(rule, reason):
    lines = by_language(spoken_words(rule, smoke(), REGISTRY, reason))
    assert [language for language, _ in lines] == ["zh", "en"]
    assert all(0 < len(line) <= LONGEST[Language(language)] for language, line in lines)
    assert not any("…" in line for _, line in lines)


@pytest.mark.parametrize("rule", RULES.values(), ids=str)
def test_what_to_do_is_never_cut(rule):
    said = spoken_words(rule, smoke(), REGISTRY, NoticeReason.OPENED)
    for language, line in by_language(said):
        assert clean_end(rule, Language(language)) in line


def test_what_somebody_says_is_still_there_is_not_said_by_figures_that_deny_it():
    seen = power(value=109.0, seen_on_site=True)
    for _, line in by_language(spoken_words(POWER, seen, REGISTRY, NoticeReason.REOPENED)):
        assert "但有人说还有问题" in line or "somebody says it is still there" in line
        assert "109" not in line


def test_what_is_injected_is_said_to_be():
    drill = power()
    assert "演示" in spoken_words(None, drill, REGISTRY, NoticeReason.OPENED)


@given(st.text(max_size=600), st.sampled_from(Language))
def test_a_line_is_bounded_and_one_line(text, language):
    line = bounded(text, language)
    assert len(line) <= LONGEST[language]
    assert "\n" not in line


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("看 https://x.example/1 现在", "看 现在"),
        ("【演示】去看", "演示 去看"),
        ("一" * 100 + "。" + "二" * 100 + "。", "一" * 100 + "。"),
        ("一" * 300, "一" * LONGEST[Language.ZH]),
    ],
)
def test_a_line_has_no_link_and_ends_with_a_sentence(text, line):
    assert bounded(text, Language.ZH) == line


def clean_end(rule, language: Language) -> str:
    return rule.say[language].do[-12:].rstrip("。.")
