"""Shelly, Gen1 and Gen2+. ``shelly_status.json`` is what two plugs said of themselves."""

from pathlib import Path

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.decoders.port import Garbled, Record, missing
from collector.decoders.shelly import patterns, told

CAPTURED = orjson.loads((Path(__file__).parent / "shelly_status.json").read_bytes())


def wanted(topic: str, body: object) -> list[tuple]:
    payload = body if isinstance(body, bytes) else orjson.dumps(body)
    return [record[:4] for record in told(topic, payload).records if not record.spare]


def test_a_plugs_captured_status_is_read():
    status = CAPTURED["plus-plug-s"]
    assert wanted("plug/status/switch:0", status["switch:0"]) == [
        ("switch:0.aenergy.total", 7258.589, "energy", "Wh"),
        ("switch:0.apower", 2.7, "power", "W"),
        ("switch:0.current", 0.121, "current", "A"),
        ("switch:0.output", 1.0, "port-state", ""),
        ("switch:0.voltage", 227.9, "voltage", "V"),
    ]
    assert wanted("plug/status/wifi", status["wifi"]) == [("wifi.rssi", -53.0, "signal", "dBm")]
    assert wanted("plug/status/sys", status["sys"]) == [("sys.uptime", 4319353.0, "uptime", "s")]


def test_the_sockets_of_a_captured_event_are_told_apart_and_dated():
    status = CAPTURED["pro-4pm"]
    body = {
        "src": "shellypro4pm-aabbccddeeff",
        "dst": "shed/events",
        "method": "NotifyStatus",
        "params": {"ts": 1708381883.25, **status},
    }
    records = told("shed/events/rpc", orjson.dumps(body)).records
    powers = [record for record in records if record.metric == "power"]
    assert [(record.name, record.at_ms) for record in powers] == [
        ("switch:0.apower", 1_708_381_883_250),
        ("switch:1.apower", 1_708_381_883_250),
    ]
    # Inputs, scripts and inner temperatures are there to be mapped, and missed by nobody.
    assert {record.name for record in records if record.spare} >= {
        "input:0.state",
        "script:1.mem_free",
        "switch:0.temperature.tC",
    }


@pytest.mark.parametrize(
    ("topic", "body", "records"),
    [
        ("a/status/temperature:100", {"id": 100, "tC": 23.5, "tF": 74.3}, [("temperature:100.tC", 23.5, "", "°C")]),
        ("a/status/humidity:0", {"id": 0, "rh": 55.0}, [("humidity:0.rh", 55.0, "humidity", "%")]),
        ("a/status/smoke:0", {"id": 0, "alarm": True, "mute": False}, [("smoke:0.alarm", 1.0, "smoke", "")]),
        ("a/status/flood:0", {"id": 0, "alarm": False}, [("flood:0.alarm", 0.0, "water", "")]),
        ("a/status/em:0", {"a_act_power": 12.5}, [("em:0.a_act_power", 12.5, "", "W")]),
        ("a/status/switch:0", {"apower": None, "output": False}, [("switch:0.output", 0.0, "port-state", "")]),
        ("a/status/em1:0", {"act_power": -1899.8, "aprt_power": 1974.5, "pf": 0.82},
         [("em1:0.act_power", -1899.8, "power", "W"), ("em1:0.pf", 0.82, "power-factor", "")]),
        ("a/status/ble", {"x": 1}, []),
        ("a/rpc", {"method": "Switch.Set"}, []),
        ("a/events/rpc", {"method": "NotifyEvent", "params": {"ts": 1.0}}, []),
        ("shellies/s/relay/0", b"on", [("relay:0", 1.0, "port-state", "")]),
        ("shellies/s/relay/1", b"overpower", [("relay:1", 0.0, "port-state", "")]),
        ("shellies/s/relay/0/power", b"41.20", [("relay:0.power", 41.2, "power", "W")]),
        ("shellies/s/relay/0/energy", b"600", [("relay:0.energy", 600.0, "energy", "Wmin")]),
        ("shellies/s/relay/0/command", b"on", []),
        ("shellies/s/emeter/1/total", b"1234.5", [("emeter:1.total", 1234.5, "energy", "Wh")]),
        ("shellies/s/sensor/flood", b"true", [("sensor.flood", 1.0, "water", "")]),
        ("shellies/s/sensor/state", b"close", [("sensor.state", 0.0, "door", "")]),
        ("shellies/s/ext_temperature/0", b"21.5", [("ext_temperature:0", 21.5, "", "°C")]),
        ("shellies/s/ext_humidity/0", b"55", [("ext_humidity:0", 55.0, "humidity", "%")]),
        ("shellies/s/light/0/power", b"7.5", [("light:0.power", 7.5, "power", "W")]),
        ("shellies/s/roller/0/power", b"80", [("roller:0.power", 80.0, "power", "W")]),
        ("shellies/s/temperature", b"44.1", []),
        ("shellies/s/announce", b"{}", []),
    ],
)  # fmt: skip
def test_each_topic(topic, body, records):
    assert wanted(topic, body) == records


def test_a_first_generations_own_heat_and_mains_are_there_to_be_mapped():
    for name, value, unit in (("temperature", 44.1, "°C"), ("voltage", 229.5, "V")):
        (record,) = told(f"shellies/s/{name}", b"%f" % value).records
        assert (record.name, record.value, record.unit, record.spare) == (name, value, unit, True)


def test_a_null_is_a_missing_value_of_whoever_maps_it():
    body = b'{"id":100,"tC":null,"errors":["read"]}'
    assert told("a/status/temperature:100", body).records == (missing("temperature:100.tC"),)


@pytest.mark.parametrize(("word", "online"), [(b"true", True), (b"false", False)])
def test_its_last_will_says_whether_it_is_there(word, online):
    assert told("shellies/s/online", word).online is online


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("a/status/switch:0", b"{", "not JSON"),
        ("a/online", b"maybe", "online is true or false"),
        ("a/events/rpc", b'{"method":"NotifyStatus"}', "has an object 'params'"),
    ],
)
def test_what_is_garbled_is_refused(topic, payload, reason):
    with pytest.raises(Garbled, match=reason):
        told(topic, payload)


def test_where_each_generation_is_heard():
    assert patterns("shellies/shelly1pm-84cca8") == ("shellies/shelly1pm-84cca8/#",)
    assert patterns("shed/plug-2") == (
        "shed/plug-2/online",
        "shed/plug-2/status/+",
        "shed/plug-2/events/rpc",
    )


@given(
    st.sampled_from(["a/status/switch:0", "a/events/rpc", "shellies/s/relay/0", "a/online"]),
    st.binary(max_size=60) | st.recursive(
        st.none() | st.booleans() | st.floats() | st.text(max_size=5),
        lambda inner: st.dictionaries(st.sampled_from(["params", "method", "ts", "a"]), inner) | st.lists(inner),
    ).map(orjson.dumps),
)  # fmt: skip
def test_any_bytes_give_records_or_garbled(topic, payload):
    try:
        assert all(isinstance(record, Record) for record in told(topic, payload).records)
    except Garbled:
        pass
