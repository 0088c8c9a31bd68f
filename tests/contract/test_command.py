"""Commands: what a device obeys, and everything that it does not."""

import hashlib
import hmac
import json
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from edge.contract.command import (
    MAX_BYTES,
    Command,
    Refused,
    Result,
    Verb,
    decode_result,
    encode_result,
    open_signed,
    sign,
)

KEY = b"the box's own key, 24 by"
TOPIC = "shouwang/v1/riverside/shed-1-box/command"
NONCE = "n-1"
OFF = Command(verb=Verb.OFF, target="main", nonce=NONCE)
ids = st.from_regex(r"[a-z0-9-]{1,64}", fullmatch=True)
words = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Cf", "Co", "Cn", "Zl", "Zp", "Zs")),
    max_size=200,
)


def opened(payload: bytes, *, topic: str = TOPIC, key: bytes = KEY, nonce: str = NONCE):
    return open_signed(payload, topic=topic, key=key, nonce=nonce)


def signed(body: object) -> bytes:
    text = body if isinstance(body, str) else json.dumps(body)
    mac = hmac.new(KEY, f"{TOPIC}\n{text}".encode(), hashlib.sha256).hexdigest()
    return json.dumps({"body": text, "mac": mac}).encode()


@given(
    st.sampled_from(Verb), ids, ids, st.dictionaries(ids, words, max_size=3), st.booleans(),
    st.binary(min_size=16, max_size=64),
)  # fmt: skip
def test_a_command_comes_back_as_it_was_signed(verb, target, nonce, texts, urgent, key) -> None:
    command = Command(
        verb=verb, target=target, nonce=nonce, texts=tuple(texts.items()), is_urgent=urgent
    )
    payload = sign(command, topic=TOPIC, key=key)
    assert opened(payload, key=key, nonce=nonce) == command


def test_there_is_no_verb_that_switches_on() -> None:
    assert [verb.value for verb in Verb] == ["off", "reset", "announce", "hush"]
    refused = opened(signed({"verb": "on", "target": "main", "nonce": NONCE}))
    assert refused == Refused("is no command that this device knows")


def test_another_devices_key_another_topic_or_changed_bytes_are_not_believed() -> None:
    payload = sign(OFF, topic=TOPIC, key=KEY)
    elsewhere = TOPIC.replace("shed-1", "shed-2")
    changed = payload.replace(b"main", b"mine")
    wrong = Refused("the signature is not this device's")
    assert opened(payload, key=b"a key of some other box!") == wrong
    assert opened(payload, topic=elsewhere) == wrong
    assert changed != payload
    assert opened(changed) == wrong


def test_an_old_nonce_and_no_nonce_are_refused_and_the_command_is_named() -> None:
    payload = sign(OFF, topic=TOPIC, key=KEY)
    for nonce in ("n-2", ""):
        refused = opened(payload, nonce=nonce)
        assert isinstance(refused, Refused)
        assert refused.command == OFF
    empty = opened(signed({"verb": "off", "target": "main", "nonce": ""}), nonce="")
    assert empty == Refused("is no command that this device knows")


@pytest.mark.parametrize(
    "payload",
    [
        b"", b"off", b"\xff\xfe", b"null", b"[]", b"{}", b'{"body": "{}"}', b"[" * 7000,
        b'{"body": {}, "mac": "00"}', b'{"body": "{}", "mac": 7}', b'{"body": "\\ud800", "mac": "0"}',
        b'{"body": "{}", "mac": "\\ud800"}', b'{"body": "x", "mac": "' + "é".encode() * 32 + b'"}',
        b'{"body": ' + b"9" * 5000 + b', "mac": "00"}', b" " * (MAX_BYTES + 1),
    ],
)  # fmt: skip
def test_garbled_bytes_are_refused_without_a_command(payload) -> None:
    refused = opened(payload)
    assert isinstance(refused, Refused)
    assert refused.command is None


@given(st.binary(max_size=300))
def test_no_bytes_upset_it(payload) -> None:
    assert isinstance(opened(payload), Refused)


@given(st.integers(0, 10_000), st.integers(0, 255))
def test_no_single_changed_byte_is_obeyed_as_another_command(at, byte) -> None:
    payload = bytearray(sign(OFF, topic=TOPIC, key=KEY))
    payload[at % len(payload)] = byte
    got = opened(bytes(payload))
    assert isinstance(got, Refused) or got == OFF


@pytest.mark.parametrize(
    "body",
    [
        "", "{}", "[]", "null", "[" * 3000, {"verb": "off", "target": "../x", "nonce": NONCE},
        {"verb": "off", "target": 7, "nonce": NONCE}, {"verb": ["off"], "target": "a", "nonce": "n"},
        {"verb": "announce", "target": "i-1", "nonce": NONCE, "texts": ["zh"]},
        {"verb": "announce", "target": "i-1", "nonce": NONCE, "texts": {"zh": "长" * 501}},
        {"verb": "announce", "target": "i-1", "nonce": NONCE, "texts": {"z h": "a"}},
        {"verb": "announce", "target": "i-1", "nonce": NONCE,
         "texts": {f"l{n}": "a" for n in range(11)}},
    ],
)  # fmt: skip
def test_a_signed_body_of_another_form_is_refused(body) -> None:
    refused = opened(signed(body))
    assert isinstance(refused, Refused)
    assert refused.command is None


def test_what_could_steer_a_terminal_or_a_voice_is_taken_out_of_texts() -> None:
    body = {"verb": "announce", "target": "i-1", "nonce": NONCE,
            "texts": {"zh": "起火\x1b[2J\n快走\ud800"}}  # fmt: skip
    command = opened(signed(body))
    assert isinstance(command, Command)
    assert command.texts == (("zh", "起火?[2J 快走?"),)


def test_a_short_key_is_said_and_signs_nothing() -> None:
    with pytest.raises(ValueError, match="at least 16 bytes"):
        sign(OFF, topic=TOPIC, key=b"short")
    with pytest.raises(ValueError, match="at least 16 bytes"):
        opened(sign(OFF, topic=TOPIC, key=KEY), key=b"short")


@given(
    st.none() | st.sampled_from(Verb), st.just("") | ids, st.booleans(), words,
    st.just("") | ids, st.just("") | ids, st.booleans(), st.none() | st.integers(0, 2**53 - 1),
)  # fmt: skip
def test_a_result_comes_back(verb, target, done, reason, nonce, following, taken, at_ms) -> None:
    result = Result(
        verb=verb, target=target, is_done=done, reason=reason, nonce=nonce, next_nonce=following,
        is_taken=taken, at_ms=at_ms,
    )  # fmt: skip
    assert decode_result(encode_result(result)) == result


@pytest.mark.parametrize(
    "change",
    [
        {"verb": "on"}, {"verb": 1}, {"verb": ["off"]}, {"target": "Main"}, {"done": 1},
        {"taken": None}, {"nonce": "a b"}, {"next": 3}, {"reason": "x" * 501}, {"at_ms": -1},
        {"at_ms": True}, {"at_ms": 1.5},
    ],
)  # fmt: skip
def test_what_is_no_result_is_none(change) -> None:
    body = json.loads(encode_result(Result(verb=Verb.OFF, target="main", is_done=True)))
    assert decode_result(json.dumps(body | change).encode()) is None


@given(st.binary(max_size=200))
def test_no_bytes_upset_the_reader_of_results(payload) -> None:
    assert decode_result(payload) is None


def test_a_results_reason_is_printable() -> None:
    result = Result(verb=Verb.RESET, target="smoke", is_done=False, reason="still\x07 alarming")
    got = decode_result(encode_result(result))
    assert got == replace(result, reason="still? alarming")
