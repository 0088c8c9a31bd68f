"""What people type when they mean "I take it", and what must not be taken for it."""

import pytest

from collector.replies.understanding import Take, understood


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("收到", Take()),
        (" 收到！", Take()),
        ("@守望 收到", Take()),
        ("1", Take()),
        ("１", Take()),
        ("我来处理。", Take()),
        ("OK", Take()),
        ("on my way", Take()),
        ("接手 12", Take(12)),
        ("接手12", Take(12)),
        ("收到 #12", Take(12)),
        ("12 我来", Take(12)),
        ("#12", Take(12)),
        ("12", Take(12)),
        ("take 12", Take(12)),
        ("不是我", None),
        ("没收到", None),
        ("我来不了", None),
        ("收到没有？", None),
        ("3 号棚怎么了", None),
        ("打 119", None),
        ("119", None),
        ("not ok", None),
        ("", None),
        ("9" * 40, None),
    ],
)
def test_words_that_mean_it_and_words_that_do_not(text, meant):
    assert understood(text) == meant
