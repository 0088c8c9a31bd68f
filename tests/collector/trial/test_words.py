"""Both languages say the same things, and every sentence can be filled."""

import re
from pathlib import Path

import pytest

from alerts.words import IncidentClass, Language
from collector.trial.words import TABLES, Words

ROOT = Path(__file__).resolve().parents[3] / "collector"
_HOLE = re.compile(r"\{([a-z_]+)")


def holes(text: str) -> set[str]:
    return set(_HOLE.findall(text))


def test_both_languages_have_the_same_keys() -> None:
    zh, en = TABLES[Language.ZH], TABLES[Language.EN]
    assert set(zh) == set(en)
    # The Chinese may leave a number to a word of its own (n, times), never the other way round.
    assert [k for k in zh if holes(zh[k]) - holes(en[k]) - {"n", "times"}] == []


@pytest.mark.parametrize("cls", IncidentClass)
def test_each_class_has_a_word(cls) -> None:
    assert Words(Language.ZH).cls(cls) != Words(Language.EN).cls(cls)


def test_no_word_is_written_that_nobody_says() -> None:
    code = "".join(
        path.read_text("utf-8")
        for path in [*(ROOT / "trial").iterdir(), ROOT / "commands" / "replay.py"]
        if path.suffix in (".py", ".html") and path.name != "words.py"
    )
    made_up = ("class.", "table.", "blind.", "often.", "fate.", "mark.", "source.", "list.")
    keys = [key for key in TABLES[Language.ZH] if not key.startswith(made_up)]
    assert [key for key in keys if f'"{key}"' not in code and f"'{key}'" not in code] == []


@pytest.mark.parametrize(
    ("ms", "zh", "en"),
    [
        (200, "1 秒", "1 s"),
        (59_000, "59 秒", "59 s"),
        (60_000, "1 分钟", "1 min"),
        (119 * 60_000, "119 分钟", "119 min"),
        (120 * 60_000, "2 小时", "2 h"),
        (9.5 * 3_600_000, "9.5 小时", "9.5 h"),
        (48 * 3_600_000, "2 天", "2 d"),
    ],
)
def test_a_length_of_time_is_short_and_honest(ms, zh, en) -> None:
    assert (Words(Language.ZH).lasted(ms), Words(Language.EN).lasted(ms)) == (zh, en)


def test_english_counts_once_twice_and_then_by_number() -> None:
    assert [Words(Language.EN).times(n) for n in (0, 1, 2, 3)] == [
        "0 times", "once", "twice", "3 times",
    ]  # fmt: skip
