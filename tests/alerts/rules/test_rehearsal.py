"""Rehearsal: sentences that fill, at whatever figures, and those that would not."""

import pytest

from alerts.packs import shipped
from alerts.rules.packs import PackError, read_packs
from alerts.rules.rehearsal import SENTENCE_MOST, rehearse
from tests.alerts.rules.worlds import PACK

RULES = read_packs(shipped()).rules


@pytest.mark.parametrize("rule", RULES.values(), ids=RULES)
def test_every_shipped_sentence_fills_with_extreme_figures(rule) -> None:
    assert list(rehearse(rule)) == []


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        (
            'clear = "ok"',
            f'clear = "{"x" * (SENTENCE_MOST + 1)}"',
            "say.en.clear: can take 701 bytes",
        ),
        ('clear = "ok"', 'clear = "{metric} is well"', "say.en.clear: would stay empty"),
    ],
)
def test_a_sentence_that_would_not_do_is_named(old: str, new: str, expected: str) -> None:
    at = PACK.index('id = "silent"')
    with pytest.raises(PackError, match=expected):
        read_packs({"p": PACK[:at] + PACK[at:].replace(old, new)})
