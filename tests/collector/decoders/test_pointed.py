"""Plain JSON by a mapping."""

import json
from zoneinfo import ZoneInfo

import pytest

from collector.decoders.pointed import Shape, told
from collector.decoders.pointer import ABSENT, look_up
from collector.decoders.port import Garbled, Record, missing

# A sonde's gateway: a head, then samples with their own times in local time.
CAPTURED = json.dumps(
    {
        "gw": {"sn": "GW-0042", "ts": 1720000060},
        "data": [
            {
                "t": "2024-07-03 17:46:40",
                "o2": {"mgl": 8.31, "sat": "96"},
                "pump": "ON",
                "err": None,
            },
            {"t": "2024-07-03 17:47:40", "o2": {"mgl": 8.29, "sat": "95"}, "pump": "OFF"},
        ],
    }
).encode()
SHAPE = Shape(
    values=("/o2/mgl", "/o2/sat", "/pump", "/err"),
    samples="/data",
    time="/t",
    time_format="%Y-%m-%d %H:%M:%S",
    zone=ZoneInfo("Asia/Shanghai"),
    words={"ON": 1, "OFF": 0},
)
AT_MS = 1_720_000_000_000


def test_samples_with_times_of_their_own_are_read() -> None:
    assert told(CAPTURED, SHAPE).records == (
        Record("/o2/mgl", 8.31, at_ms=AT_MS),
        Record("/o2/sat", 96.0, at_ms=AT_MS),
        Record("/pump", 1.0, at_ms=AT_MS),
        missing("/err", at_ms=AT_MS),
        Record("/o2/mgl", 8.29, at_ms=AT_MS + 60_000),
        Record("/o2/sat", 95.0, at_ms=AT_MS + 60_000),
        Record("/pump", 0.0, at_ms=AT_MS + 60_000),
    )


@pytest.mark.parametrize(
    ("time", "time_format", "zone", "at_ms"),
    [
        (1720000000, "epoch-s", "", AT_MS),
        (1720000000.25, "epoch-s", "", AT_MS + 250),
        ("1720000000", "epoch-s", "", AT_MS),
        (1720000000123, "epoch-ms", "", AT_MS + 123),
        (1720000000123456, "epoch-us", "", AT_MS + 123),
        (1720000000123456789, "epoch-ns", "", AT_MS + 123),
        ("2024-07-03T09:46:40Z", "iso", "", AT_MS),
        ("2024-07-03T17:46:40+08:00", "iso", "UTC", AT_MS),
        ("2024-07-03T17:46:40", "iso", "Asia/Shanghai", AT_MS),
        ("20240703T174640", "iso", "Asia/Shanghai", AT_MS),
        ("03.07.24 17:46", "%d.%m.%y %H:%M", "Asia/Shanghai", AT_MS - 40_000),
        ("2024-07-03T17:46:40", "iso", "", None),
        (None, "iso", "", None),
    ],
)
def test_times_are_read_as_the_mapping_says(time, time_format, zone, at_ms) -> None:
    shape = Shape(
        values=("/v",),
        time="/t",
        time_format=time_format,
        zone=ZoneInfo(zone) if zone else None,
    )
    said = told(json.dumps({"t": time, "v": 1}).encode(), shape)
    assert said.records == (Record("/v", 1.0, at_ms=at_ms),)


def test_a_time_that_the_sample_has_not_is_that_of_the_message() -> None:
    shape = Shape(values=("/v",), samples="/s", time="/ts", time_format="epoch-s")
    said = told(b'{"ts": 1720000000, "s": [{"v": 1}, {"v": 2, "ts": 1720000001}]}', shape)
    assert [r.at_ms for r in said.records] == [AT_MS, AT_MS + 1000]


@pytest.mark.parametrize("time", ["soon", 5, True, [1], "0000-00-00 00:00:00", 1e300])
def test_a_sample_with_a_time_that_is_none_is_refused_alone(time) -> None:
    body = json.loads(CAPTURED)
    body["data"][0]["t"] = time
    said = told(json.dumps(body).encode(), SHAPE)
    assert {r.at_ms for r in said.records} == {AT_MS + 60_000}
    assert len(said.refused) == 1


@pytest.mark.parametrize(
    ("raw", "value"),
    [(1, 1.0), (1.5, 1.5), ("1.5", 1.5), (True, 1.0), (False, 0.0), ("ON", 1.0), (None, None)],
)
def test_values_are_numbers_booleans_and_known_words(raw, value) -> None:
    shape = Shape(values=("/v",), words={"ON": 1})
    said = told(json.dumps({"v": raw}).encode(), shape)
    assert [r.value for r in said.records] == [value]
    assert said.refused == ()


@pytest.mark.parametrize("raw", ["OPEN", "nan", "1e999", [1], {}, ""])
def test_any_other_value_is_refused(raw) -> None:
    said = told(json.dumps({"v": raw, "w": 2}).encode(), Shape(values=("/v", "/w")))
    assert [r.name for r in said.records] == ["/w"]
    assert said.refused[0][0].startswith("/v: ")


def test_a_message_without_any_mapped_value_is_told() -> None:
    said = told(b'{"hello": 1}', Shape(values=("/v",)))
    assert said.records == ()
    assert said.refused == (("none of the mapped values is in it", b'{"hello":1}'),)


def test_what_does_not_hold_the_samples_is_garbled() -> None:
    for payload in (b"", b"{", b'{"data":{"x":1}'):
        with pytest.raises(Garbled):
            told(payload, SHAPE)
    with pytest.raises(Garbled, match="samples should be"):
        told(b'{"other": []}', SHAPE)
    with pytest.raises(Garbled, match="5001 samples"):
        told(b'{"data": [' + b"1," * 5000 + b"1]}", SHAPE)


# RFC 6901, section 5.
DOCUMENT = {
    "foo": ["bar", "baz"],
    "": 0,
    "a/b": 1,
    "c%d": 2,
    "e^f": 3,
    "g|h": 4,
    "i\\j": 5,
    'k"l': 6,
    " ": 7,
    "m~n": 8,
}


@pytest.mark.parametrize(
    ("pointer", "expected"),
    [
        ("", DOCUMENT),
        ("/foo", ["bar", "baz"]),
        ("/foo/0", "bar"),
        ("/", 0),
        ("/a~1b", 1),
        ("/c%d", 2),
        ("/e^f", 3),
        ("/g|h", 4),
        ("/i\\j", 5),
        ('/k"l', 6),
        ("/ ", 7),
        ("/m~0n", 8),
        ("/foo/2", ABSENT),
        ("/foo/-", ABSENT),
        ("/foo/00", ABSENT),
        ("/foo/0/x", ABSENT),
        ("/bar", ABSENT),
    ],
)
def test_the_pointers_of_the_standard_lead_where_it_says(pointer, expected) -> None:
    assert look_up(DOCUMENT, pointer) == expected
