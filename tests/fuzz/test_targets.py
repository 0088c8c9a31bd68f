"""Every decoder takes any bytes: a short run of what ``make fuzz`` does for an hour."""

import json
import time
import tracemalloc

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collector.decoders.flat import MAX_BYTES
from collector.decoders.hj212_frame import frame
from tests.fuzz.targets import TARGETS

EXAMPLES = 100
_JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=10)
    | st.sampled_from(["2024-07-03T17:46:40", "0001-01-01T00:00:00", "9999-12-31T23:59:59-23:59"]),
    lambda parts: (
        st.lists(parts, max_size=4) | st.dictionaries(st.text(max_size=5), parts, max_size=4)
    ),
    max_leaves=10,
)
# Deep, wide, long: what a message may not cost.
HEAVY = {
    "lists in lists": b"[" * 100_000,
    "lists in lists, closed": b"[" * 1000 + b"1" + b"]" * 1000,
    "objects in objects": b'{"a":' * 500 + b"1" + b"}" * 500,
    "a wide object": b"{" + b",".join(b'"k%d":1' % nth for nth in range(15_000)) + b"}",
    "a wide list": b"[" + b"1," * 90_000 + b"1]",
    "many empty objects": b"[" + b"{}," * 60_000 + b"{}]",
    "a long number": b'[{"v":' + b"9" * 150_000 + b"}]",
    "a long text": b'{"t":"' + b"9" * 150_000 + b'","v":1}',
    "zeros": bytes(MAX_BYTES),
    "indefinite arrays": b"\x9f" * MAX_BYTES,
    "an announced length": b"\x9b\xff\xff\xff\xff\xff\xff\xff\xff",
    "a large message": b"a" * (MAX_BYTES + 1),
    "many lines": b"m f=1\n" * 33_000,
    "many bad lines": b"m\n" * 90_000,
    "one line of escapes": b"m f=" + b"\\" * 190_000,
    "many heads": b"##0001" * 30_000,
    "many fields": b"ST=21;CN=2011;MN=1;CP=&&" + b"w01009-Rtd=1;" * 15_000 + b"&&",
}


@pytest.mark.parametrize("name", TARGETS)
def test_good_messages_are_taken(name) -> None:
    for seed in TARGETS[name].seeds:
        TARGETS[name].run(seed)


GOOD = frame(b"CP=&&&&")
# What atheris once found.
FOUND = {
    "a head cut in two behind a garbled one": ("hj212", b"##015" + GOOD),
    "nothing but line ends": ("hj212", b"\r\n" * 5_000),
    "a good frame within a short one": ("hj212", b"##0100" + GOOD + GOOD),
}


@pytest.mark.parametrize("kind", FOUND)
def test_what_was_found_once_is_mended(kind) -> None:
    name, raw = FOUND[kind]
    TARGETS[name].run(raw)


@pytest.mark.parametrize("name", TARGETS)
def test_garbled_bytes_raise_nothing_undeclared(name) -> None:
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.sampled_from(target.seeds), st.data())
    def mangled(seed, data) -> None:
        target.run(data.draw(_mangled(seed)))

    mangled()


@pytest.mark.parametrize("name", TARGETS)
def test_any_json_raises_nothing_undeclared(name) -> None:
    target = TARGETS[name]

    @settings(max_examples=EXAMPLES, deadline=None, suppress_health_check=list(HealthCheck))
    @given(_JSON, st.sampled_from(target.seeds), st.data())
    def filled(item, seed, data) -> None:
        target.run(data.draw(_filled(seed, item)))

    filled()


@pytest.mark.parametrize("name", TARGETS)
@pytest.mark.parametrize("kind", HEAVY)
def test_a_heavy_message_costs_little(name, kind) -> None:
    tracemalloc.start()
    began_s = time.process_time()
    try:
        TARGETS[name].run(HEAVY[kind])
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert time.process_time() - began_s < 5  # traced, and on a slow machine
    assert peak < 100_000_000


@st.composite
def _mangled(draw, seed: bytes) -> bytes:
    """The seed with a few bytes cut, doubled, changed or put in."""
    raw = bytearray(seed)
    for _ in range(draw(st.integers(0, 4))):
        at = draw(st.integers(0, len(raw)))
        end = draw(st.integers(at, min(len(raw), at + 12)))
        raw[at:end] = draw(st.binary(max_size=8) | st.just(bytes(raw[at:end]) * 2))
    return bytes(raw)


@st.composite
def _filled(draw, seed: bytes, item) -> bytes:
    """The seed with one of its values replaced by any JSON."""
    head, mark, body = seed.rpartition(b"\n") if b"\n{" in seed else (b"", b"", seed)
    try:
        whole = json.loads(body)
    except ValueError:
        return json.dumps(item).encode()
    spots = list(_spots(whole))
    holder, key = draw(st.sampled_from(spots))
    holder[key] = item
    return head + mark + json.dumps(whole).encode()


def _spots(body):
    for key, value in body.items() if isinstance(body, dict) else enumerate(body):
        yield body, key
        if isinstance(value, dict | list):
            yield from _spots(value)
