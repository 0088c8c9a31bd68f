"""SenML of foreign devices, in JSON and CBOR."""

import json

import cbor2
import pytest

from collector.decoders.port import Garbled, Record
from collector.decoders.senml import told

# RFC 8428, section 6: the pack of section 5.1.2 in CBOR.
PACK = bytes.fromhex(
    "87a721781c75726e3a6465763a6f773a31306532303733613031303830303633"
    "3a22fb41d303a15b00106223614120050067766f6c7461676501615602fb405e"
    "066666666666a3006763757272656e74062402fb3ff3333333333333a3006763"
    "757272656e74062302fb3ff4cccccccccccda3006763757272656e74062202fb"
    "3ff6666666666666a3006763757272656e74062102fb3ff8000000000000a300"
    "6763757272656e74062002fb3ff999999999999aa3006763757272656e740600"
    "02fb3ffb333333333333"
)
DEVICE = "urn:dev:ow:10e2073a01080063:"
NOW_MS = 1_790_000_000_000


def test_the_pack_of_the_standard_is_read() -> None:
    said = told(PACK, NOW_MS)
    assert said.refused == ()
    assert said.records[0] == Record(DEVICE + "voltage", 120.1, "", "V", 1276020076001)
    assert said.records[1:] == tuple(
        Record(DEVICE + "current", value, "", "A", 1276020071001 + 1000 * nth)
        for nth, value in enumerate((1.2, 1.3, 1.4, 1.5, 1.6, 1.7))
    )


@pytest.mark.parametrize(
    ("pack", "expected"),
    [
        ([{"n": "do", "u": "mg/L", "v": 8}], [("do", 8.0, "mg/L", None)]),
        ([{"bn": "a/", "n": "do", "vb": True}], [("a/do", 1.0, "", None)]),
        ([{"bt": 1.7e9, "n": "a", "v": 1, "t": -2}], [("a", 1.0, "", 1_699_999_998_000)]),
        ([{"n": "a", "v": 1, "t": -90}], [("a", 1.0, "", NOW_MS - 90_000)]),
        ([{"bv": 20, "bu": "Cel", "n": "a", "v": 1.5}], [("a", 21.5, "Cel", None)]),
        ([{"bv": 20, "bn": "x"}, {"n": "a"}], [("xa", 20.0, "", None)]),
        ([{"n": "a", "vs": "open"}, {"n": "b", "s": 7}], []),
        ([{"n": "a", "v": 1, "odd": 3}], [("a", 1.0, "", None)]),
    ],
)
def test_json_resolves_as_cbor_does(pack, expected) -> None:
    said = told(json.dumps(pack).encode(), NOW_MS)
    assert [(r.name, r.value, r.unit, r.at_ms) for r in said.records] == expected
    assert said.refused == ()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ({"n": "a", "v": "1"}, "'v' is a finite number"),
        ({"n": "a", "vb": 1}, "'vb' is true or false"),
        ({"n": "a", "v": 1, "vb": True}, "has one value, got ['v', 'vb']"),
        ({"n": "a", "vb": True, "vs": "on"}, "has one value, got ['vb', 'vs']"),
        ({"v": 1}, "has a name"),
        ({"n": 5, "v": 1}, "'n' is a string"),
        ({"n": "a", "v": 1, "t": 1e15}, "is no time"),
        ({"n": "a", "v": 1e299, "bv": 1e299, "bver": 11}, "newer than RFC 8428"),
    ],
)
def test_a_record_that_is_wrong_is_refused_alone(record, reason) -> None:
    said = told(json.dumps([{"n": "good", "v": 1}, record]).encode(), NOW_MS)
    assert [r.name for r in said.records] == ["good"]
    assert reason in said.refused[0][0]


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_pack_with_a_label_that_must_be_understood_is_garbled(nth) -> None:
    pack = [{"n": name, "v": 1} for name in "abc"]
    pack[nth] |= {"factor_": 10}
    for payload in (json.dumps(pack).encode(), cbor2.dumps(pack)):
        with pytest.raises(Garbled, match="'factor_' must be understood"):
            told(payload, NOW_MS)


def test_a_refused_record_is_kept_as_json() -> None:
    said = told(b'[{"n": "a", "v": "1", "why": "\xe6\xb0\xb4"}]', NOW_MS)
    assert json.loads(said.refused[0][1]) == {"n": "a", "v": "1", "why": "水"}
    for odd, kept in ((b"\x00", "b'\\x00'"), ({1: [None]}, {"1": [None]}), ("²", "²")):
        said = told(cbor2.dumps([{0: "a", 2: odd}]), NOW_MS)
        assert json.loads(said.refused[0][1]) == {"n": "a", "v": kept}
    said = told(cbor2.dumps([{0: "a", 2: 1, 6: -(2**64)}]), NOW_MS)
    assert json.loads(said.refused[0][1])["t"] == -(2**64)


def test_a_sum_may_stand_beside_a_value() -> None:
    (record,) = told(b'[{"n": "a", "v": 2, "s": 7}]', NOW_MS).records
    assert record.value == 2.0


def test_a_base_time_that_is_wrong_spoils_what_follows_until_the_next() -> None:
    pack = [
        {"bt": 1.7e9, "n": "a", "v": 1},
        {"bt": "soon", "n": "a", "v": 2},
        {"n": "a", "v": 3},
        {"bt": 1.8e9, "n": "a", "v": 4},
    ]
    said = told(json.dumps(pack).encode(), NOW_MS)
    assert [r.value for r in said.records] == [1, 4]
    assert len(said.refused) == 2


@pytest.mark.parametrize(
    "payload",
    [b"", b"{}", b"[]", b"[1]", b"\x80", b"\xa0", b"\x81\x01", PACK[:-1], PACK + b"\x00", b"\x9f"],
)
def test_what_is_no_pack_is_garbled(payload) -> None:
    with pytest.raises(Garbled):
        told(payload, NOW_MS)


def test_a_pack_of_too_many_records_is_garbled() -> None:
    with pytest.raises(Garbled, match="5001 records"):
        told(b"\x99\x13\x89" + b"\xa0" * 5001, NOW_MS)
