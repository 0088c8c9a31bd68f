"""Tasmota. The payloads are built like those of its documentation, with figures of our own."""

from zoneinfo import ZoneInfo

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from collector.decoders.port import Garbled, Record, missing
from collector.decoders.tasmota import patterns, told

SENSOR = (
    b'{"Time":"2026-11-20T22:15:09","ENERGY":{"TotalStartTime":"2026-01-14T18:39:40","Total":6.294,'
    b'"Yesterday":5.340,"Today":0.954,"Period":17,"Power":198,"ApparentPower":210,"ReactivePower":70,'
    b'"Factor":0.94,"Voltage":227,"Current":0.925},"DS18B20":{"Id":"0000055D8F3A","Temperature":31.4},'
    b'"TempUnit":"C"}'
)
STATE = (
    b'{"Time":"2026-11-20T22:15:09","Uptime":"0T18:36:12","UptimeSec":66972,"Heap":28,'
    b'"SleepMode":"Dynamic","Sleep":50,"LoadAvg":19,"MqttCount":6,"POWER":"ON",'
    b'"Wifi":{"AP":1,"SSId":"shed","Channel":13,"RSSI":78,"Signal":-61,"LinkCount":1}}'
)
SHANGHAI = ZoneInfo("Asia/Shanghai")
AT_MS = 1_795_184_109_000  # 2026-11-20T14:15:09Z


def wanted(topic: str, payload: bytes) -> list[tuple]:
    return [record[:4] for record in told(topic, payload).records if not record.spare]


def test_a_plugs_sensor_message_is_read():
    assert wanted("tele/plug/SENSOR", SENSOR) == [
        ("ENERGY.Total", 6.294, "energy", "kWh"),
        ("ENERGY.Power", 198.0, "power", "W"),
        ("ENERGY.Factor", 0.94, "power-factor", ""),
        ("ENERGY.Voltage", 227.0, "voltage", "V"),
        ("ENERGY.Current", 0.925, "current", "A"),
        ("DS18B20.Temperature", 31.4, "", "°C"),
    ]


def test_what_it_says_of_itself_is_spare_but_for_its_signal():
    assert wanted("tele/plug/STATE", STATE) == [
        ("POWER", 1.0, "port-state", ""),
        ("Wifi.Signal", -61.0, "signal", "dBm"),
    ]
    spare = {record.name for record in told("tele/plug/STATE", STATE).records if record.spare}
    assert spare >= {"Heap", "Wifi.RSSI"}


@pytest.mark.parametrize(
    ("payload", "zone", "at_ms"),
    [
        (SENSOR, SHANGHAI, AT_MS),
        (SENSOR, None, None),
        (SENSOR.replace(b'{"Time"', b'{"Epoch":1795184110,"Time"', 1), None, AT_MS + 1000),
        (SENSOR.replace(b'"2026-11-20T22:15:09"', b"1795184109"), None, AT_MS),
        (SENSOR.replace(b"22:15:09", b"22:15:09+08:00"), None, AT_MS),
        (SENSOR.replace(b'"Time":"2026-11-20T22:15:09",', b""), SHANGHAI, None),
    ],
    ids=[
        "its zone is registered",
        "nobody knows its zone",
        "epoch",
        "epoch alone",
        "an offset",
        "no time",
    ],
)
def test_its_local_time_is_believed_where_its_zone_is_known(payload, zone, at_ms):
    records = told("tele/plug/SENSOR", payload, zone).records
    assert {record.at_ms for record in records} == {at_ms}


@pytest.mark.parametrize(
    ("topic", "payload", "records"),
    [
        ("stat/plug/POWER", b"ON", [("POWER", 1.0, "port-state", "")]),
        ("stat/plug/POWER2", b"OFF", [("POWER2", 0.0, "port-state", "")]),
        ("stat/plug/POWER", b'{"POWER":"OFF"}', [("POWER", 0.0, "port-state", "")]),
        ("stat/plug/RESULT", b'{"POWER1":"ON"}', [("POWER1", 1.0, "port-state", "")]),
        ("stat/plug/RESULT", b'{"SetOption3":"ON"}', []),
        ("stat/plug/POWER", b"TOGGLE", []),
        ("tele/plug/INFO1", b"{}", []),
        ("tele/plug/INFO1", b"no JSON", []),
        ("tele/plug/SENSOR", b'{"Switch1":"ON"}', [("Switch1", 1.0, "", "")]),
        ("tele/plug/SENSOR", b'{"SHT3X":{"Humidity":55,"Temperature":68,"DewPoint":50},"TempUnit":"F"}',
         [("SHT3X.Humidity", 55.0, "humidity", "%"), ("SHT3X.Temperature", 68.0, "", "\u00b0F")]),
        ("tele/plug/SENSOR", b'{"ENERGY":{"Power":[10,20],"Voltage":230}}',
         [("ENERGY.Power.1", 10.0, "power", "W"), ("ENERGY.Power.2", 20.0, "power", "W"),
          ("ENERGY.Voltage", 230.0, "voltage", "V")]),
        ("stat/plug/STATUS8", b'{"StatusSNS":{"ENERGY":{"Power":7}}}', [("ENERGY.Power", 7.0, "power", "W")]),
    ],
)  # fmt: skip
def test_each_topic(topic, payload, records):
    assert wanted(topic, payload) == records


def test_a_null_is_a_missing_value_of_whoever_maps_it():
    payload = b'{"DS18B20":{"Id":"01","Temperature":null},"ENERGY":{"Voltage":null}}'
    heat, volts = told("tele/plug/SENSOR", payload).records
    assert heat == missing("DS18B20.Temperature")
    assert volts == missing("ENERGY.Voltage", "voltage")


@pytest.mark.parametrize(("word", "online"), [(b"Online", True), (b"Offline", False)])
def test_its_last_will_says_whether_it_is_there(word, online):
    assert told("tele/plug/LWT", word).online is online


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("tele/plug/SENSOR", b'{"Time":"2018-08-18T16:13:47","X": "D0":0}', "not JSON"),
        ("tele/plug/SENSOR", b"[1]", "a JSON object was expected"),
        ("tele/plug/SENSOR", b'{"Time":"soon","X":{"A":1}}', "'soon' is no time"),
        ("tele/plug/SENSOR", b'{"Time":"2026-11-20T25:00:00","X":{"A":1}}', "is no time"),
        ("tele/plug/LWT", b"maybe", "Online or Offline"),
        ("tele/plug/SENSOR", b"[" * 90_000, "not JSON"),
        ("tele/plug/SENSOR", b"1" * 300_000, "at most 200000"),
    ],
)
def test_what_is_garbled_is_refused(topic, payload, reason):
    with pytest.raises(Garbled, match=reason):
        told(topic, payload, SHANGHAI)


def test_where_a_plug_is_heard():
    assert patterns("plug-1") == ("tele/plug-1/+", "stat/plug-1/+")
    assert patterns("shed/%prefix%/plug") == ("shed/tele/plug/+", "shed/stat/plug/+")
    assert patterns("plug/%prefix%/") == ("plug/tele/+", "plug/stat/+")


@given(
    st.sampled_from(["SENSOR", "STATE", "RESULT", "POWER", "LWT", "STATUS8"]),
    st.binary(max_size=60) | st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
        lambda inner: st.dictionaries(st.sampled_from(["Time", "Epoch", "ENERGY", "StatusSNS"]), inner) | st.lists(inner),
    ).map(orjson.dumps),
)  # fmt: skip
def test_any_bytes_give_records_or_garbled(kind, payload):
    try:
        records = told(f"tele/plug/{kind}", payload, SHANGHAI).records
        assert all(isinstance(record, Record) for record in records)
    except Garbled:
        pass
