"""Which lines an answer names: the words of real servers, and of InfluxDB 3's documentation."""

import json

import pytest

from collector.stores.blame import OLD, Refusal, blamed, having

LINES = [
    "reading,site=a x=1.0,x_q=1i 5000",
    "reading,site=a y=1.0,y_q=1i 1000",
    "reading,site=a y=abc,y_q=1i 5000",
    "reading,site=a y=2.0,y_q=1i 2000",
]
CONFLICT = (
    'partial write: field type conflict: input field "{}" on measurement "reading" is type float,'
    " already exists as type string dropped={}"
)


def v2(words: str, status: int = 422) -> Refusal:
    return Refusal(status, json.dumps({"code": "x", "message": words}))


def v1(words: str) -> Refusal:
    return Refusal(400, json.dumps({"error": words}))


@pytest.mark.parametrize(
    ("refusal", "named"),
    [
        (v1(CONFLICT.format("x", 1)), [0]),
        (v2(f"failure writing points to database: {CONFLICT.format('x', 1)}"), [0]),
        # Three lines have that field, and one was dropped: the answer does not say which.
        (v1(CONFLICT.format("y", 1)), []),
        (v1(CONFLICT.format("y", 3)), [1, 2, 3]),
        (v1("partial write: points beyond retention policy dropped=2"), [1, 3]),
        (
            v2(
                "partial write: dropped 1 points outside retention policy of duration 240h0m0s -"
                " oldest point reading,site=a at 1970-01-01T00:00:01Z dropped because it violates a"
                " Retention Policy Lower Bound at 1970-01-01T00:00:01.285043347Z, newest point"
                " reading,site=a at 1970-01-01T00:00:01Z dropped=1 for database: 3470"
            ),
            [1],
        ),
        (v1(f"partial write: unable to parse '{LINES[2]}': invalid boolean dropped=0"), [2]),
        (v2(f"unable to parse '{LINES[2]}': x\nunable to parse '{LINES[0]}': y", 400), [0, 2]),
        (v2("max-series-per-database limit exceeded dropped=4"), [0, 1, 2, 3]),
        (Refusal(413, "<html>too large"), []),
        (Refusal(400, "[1]"), []),
        (
            Refusal(
                400,
                json.dumps(
                    {
                        "error": "partial write of line protocol occurred",
                        "data": [{"line_number": 3, "error_message": "x", "original_line": "y"}],
                    }
                ),
            ),
            [2],
        ),
        (Refusal(400, json.dumps({"error": "x", "data": {"line_number": 2}})), [1]),
        (Refusal(400, json.dumps({"error": "x", "data": [{"line_number": 99}, 7]})), []),
    ],
)
def test_the_lines_that_an_answer_names(refusal, named):
    assert sorted(blamed(refusal, LINES)) == named


def test_each_unparsed_line_has_its_own_reason():
    words = f"unable to parse '{LINES[2]}': invalid boolean\nunable to parse '{LINES[0]}': odd"
    assert blamed(v2(words, 400), LINES) == {
        0: "InfluxDB 400: odd",
        2: "InfluxDB 400: invalid boolean",
    }


def test_what_is_too_old_says_so_in_the_same_words_for_each_server():
    found = blamed(v1("partial write: points beyond retention policy dropped=1"), LINES)
    assert found == {1: OLD}


def test_one_line_alone_is_the_bad_one():
    for words in ("no", "unable to parse 'another text': x", CONFLICT.format("z", 0)):
        assert blamed(Refusal(400, words), LINES[:1]) == {0: f"InfluxDB 400: {words}"}


def test_a_conflict_leaves_doubt_only_on_the_lines_with_its_field():
    assert having(CONFLICT.format("y", 1), LINES) == [1, 2, 3]
    assert having("something else", LINES) == []
