from __future__ import annotations

import re
import string
from enum import StrEnum
from pathlib import Path

import pytest

from alerts.incidents.model import DutyKind, State, StoryKind
from alerts.notify.notice import NoticeReason, NoticeState
from alerts.registry.model import ChannelKind, PlaceKind, Source
from alerts.words import IncidentClass, Language
from dashboards.console import pages
from dashboards.console.i18n import language_of, words
from edge.contract.quality import Check

CONSOLE = Path(pages.__file__).parent
ZH, EN = words(Language.ZH).texts, words(Language.EN).texts


def _holes(text: str) -> set[str]:
    return {name for _, name, _, _ in string.Formatter().parse(text) if name}


def test_both_languages_have_the_same_keys_and_holes():
    assert ZH.keys() == EN.keys()
    for key, text in ZH.items():
        assert _holes(text) == _holes(EN[key]), key


def test_every_key_that_a_template_or_page_names_is_there():
    named = set()
    for file in [*CONSOLE.glob("templates/*.html"), *CONSOLE.glob("*.py")]:
        found = re.findall(r"\bt\(\s*f?[\"']([a-z-]+\.[a-z0-9-]+)[\"'][,)]", file.read_text())
        named.update(found)
    assert len(named) > 60
    assert named - ZH.keys() == set()


def test_every_word_of_the_script_is_used_and_every_used_one_is_there():
    scripts = "".join(file.read_text() for file in CONSOLE.glob("static/*.js"))
    used = set(re.findall(r"words\.([a-z]+)", scripts)) | set(
        re.findall(r"words\[\"([a-z-]+)\"\]", scripts)
    )
    assert "check-${check}" in scripts
    used |= {f"check-{check.name.lower()}" for check in Check}
    kept = {key.removeprefix("script.") for key in ZH if key.startswith("script.")}
    assert used | {"nodata"} == kept


@pytest.mark.parametrize(
    ("section", "kinds"),
    [
        ("state", State),
        ("duty", DutyKind),
        ("story", StoryKind),
        ("notice", NoticeState),
        ("channel", ChannelKind),
        ("kind", PlaceKind),
        ("class", IncidentClass),
        ("source", Source),
    ],
)
def test_every_word_of_the_model_can_be_said(section: str, kinds: type[StrEnum]):
    for kind in kinds:
        assert f"{section}.{kind.value}" in ZH


def test_every_reason_to_tell_can_be_said_or_is_plain_told():
    plain = {NoticeReason.OPENED}
    for reason in set(NoticeReason) - plain:
        assert f"story.told-{reason.value}" in ZH


def test_the_words_are_those_of_the_people():
    said = "".join(ZH.values())
    for wrong in ("沉默", "升级", "剩余电流", "浮充", "旱天", "骤升线", "点位", "看完就算完"):
        assert wrong not in said


def test_chinese_comes_first():
    assert language_of(None, None) is Language.ZH
    assert language_of(None, "en") is Language.EN
    assert language_of("zh", "en") is Language.ZH
    assert language_of(None, "xx") is Language.ZH
