"""Remote settings on the wire: what is no wish or report is refused by name, never an exception."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.settings import (
    MAX_BYTES,
    MAX_KEYS,
    MAX_PROBLEMS,
    MAX_REPORTED_BYTES,
    Desired,
    Reported,
    SettingsState,
    decode_desired,
    decode_reported,
    encode_desired,
    encode_reported,
)

texts = st.text(max_size=200).filter(str.isprintable)
numbers = st.integers(-(2**53) + 1, 2**53 - 1) | st.floats(-1e15, 1e15)
values = st.dictionaries(texts, st.booleans() | numbers | texts, max_size=5)
revisions = st.integers(0, 2**53 - 1)


@given(revisions, values)
def test_a_wish_comes_through_as_it_was_sent(revision, values) -> None:
    wish = Desired(revision=revision, values=values)
    payload = encode_desired(wish)
    if len(payload) <= MAX_BYTES:
        assert decode_desired(payload) == wish


@given(revisions, st.sampled_from(SettingsState), st.lists(texts, max_size=3), values)
def test_a_report_comes_through_as_it_was_sent(revision, state, problems, values) -> None:
    report = Reported(revision=revision, state=state, problems=tuple(problems), values=values)
    assert decode_reported(encode_reported(report)) == report


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(
    st.binary(max_size=200)
    | st.fixed_dictionaries({"revision": json_values, "values": json_values}).map(
        lambda body: json.dumps(body).encode()
    )
)
def test_garbled_bytes_are_a_wish_that_can_be_answered_or_a_reason(payload) -> None:
    found = decode_desired(payload)
    if isinstance(found, Desired):
        assert decode_desired(encode_desired(found)) == found
    else:
        assert found
    decode_reported(payload)


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        ("", "is no JSON"),
        ("[" * 100_000, "bytes"),
        ("[" * 9_000, "is no JSON"),
        ("[]", "is no object"),
        ('{"revision":1,"values":{},"more":1}', "is no object"),
        ('{"values":{}}', "'revision' is"),
        ('{"revision":true}', "'revision' is"),
        ('{"revision":-1}', "'revision' is"),
        ('{"revision":1.0}', "'revision' is"),
        (f'{{"revision":{2**53}}}', "'revision' is"),
        ('{"revision":1,"values":[]}', "'values' is"),
        ('{"revision":1,"values":{"a":null}}', "'values' is"),
        ('{"revision":1,"values":{"a":[1]}}', "'values' is"),
        ('{"revision":1,"values":{"a":NaN}}', "'values' is"),
        ('{"revision":1,"values":{"a":1e999}}', "'values' is"),
        ('{"revision":1,"values":{"a":1' + "0" * 400 + "}}", "'values' is"),
        ('{"revision":1,"values":{"a":1' + "0" * 5000 + "}}", "is no JSON"),
        ('{"revision":1,"values":{"\\ud800":1}}', "'values' is"),
        ('{"revision":1,"values":{"a":"\\u001b[2J"}}', "'values' is"),
        ('{"revision":1,"values":{"a":"' + "x" * 201 + '"}}', "'values' is"),
        (
            json.dumps({"revision": 1, "values": {str(n): n for n in range(MAX_KEYS + 1)}}),
            "'values' is",
        ),
    ],
)
def test_what_is_no_wish_says_why(body, reason) -> None:
    found = decode_desired(body.encode())
    assert isinstance(found, str)
    assert reason in found


@pytest.mark.parametrize(
    "body",
    [
        "",
        "[]",
        '{"revision":1,"state":"well"}',
        '{"revision":1,"state":["applied"]}',
        '{"revision":"1","state":"applied"}',
        '{"revision":1,"state":"applied","problems":"none"}',
        '{"revision":1,"state":"applied","problems":[1]}',
        '{"revision":1,"state":"applied","values":{"a":NaN}}',
        '{"revision":1,"state":"applied"' + " " * MAX_REPORTED_BYTES + "}",
    ],
)
def test_what_is_no_report_is_none(body) -> None:
    assert decode_reported(body.encode()) is None


def test_many_long_problems_are_told_within_bounds_and_the_rest_counted() -> None:
    problems = tuple("坏\x1b\ud800" * 500 for _ in range(MAX_PROBLEMS + 10))
    payload = encode_reported(
        Reported(
            revision=1, state=SettingsState.REFUSED, problems=problems,
            values={f"{n:0>200}": "值" * 200 for n in range(20)},
        )
    )  # fmt: skip
    assert len(payload) < MAX_REPORTED_BYTES
    found = decode_reported(payload)
    assert found is not None
    assert found.problems[0].startswith("坏??坏")
    assert found.problems[-1] == "and 11 more"
    assert len(found.problems) == MAX_PROBLEMS
