"""ChirpStack v4 and The Things Stack v3: uplinks with a decoded object."""

import json
from typing import Any

import pytest

from collector.decoders import chirpstack, tts
from collector.decoders.port import Garbled, Record

EUI = "a84041f4b1c2d3e4"
CHIRPSTACK_TOPIC = f"application/6a1c5b0e-0d0f-4f9b-a111-4c1e7a1f0a11/device/{EUI}/event/up"
CHIRPSTACK: dict[str, Any] = {
    "deduplicationId": "3ac7e3c4-4401-4b8d-9386-a5c902f9202d",
    "time": "2024-07-03T09:46:40.383634108+00:00",
    "deviceInfo": {
        "tenantId": "52f14cd4-c6f1-4fbd-8f87-4025e1d49242",
        "tenantName": "riverside",
        "applicationId": "6a1c5b0e-0d0f-4f9b-a111-4c1e7a1f0a11",
        "applicationName": "water",
        "deviceProfileName": "level gauge",
        "deviceName": "gauge-1",
        "devEui": EUI,
        "tags": {"place": "laobakou"},
    },
    "devAddr": "00189440",
    "adr": True,
    "dr": 5,
    "fCnt": 41,
    "fPort": 2,
    "confirmed": False,
    "data": "AQIDBA==",
    "object": {"level_cm": 128.3, "water": {"temp": 21.6}, "leak": False, "status": "ok"},
    "rxInfo": [
        {"gatewayId": "0016c001f153a14c", "uplinkId": 4217, "rssi": -107, "snr": -3.5},
        {"gatewayId": "0016c001f153a14d", "uplinkId": 4218, "rssi": -61, "snr": 9.8},
    ],
    "txInfo": {"frequency": 470300000},
}
TTS_TOPIC = "v3/water@riverside/devices/gauge-1/up"
TTS: dict[str, Any] = {
    "end_device_ids": {
        "device_id": "gauge-1",
        "application_ids": {"application_id": "water"},
        "dev_eui": EUI.upper(),
        "join_eui": "800000000000000C",
        "dev_addr": "00BCB929",
    },
    "correlation_ids": ["as:up:01E0WZGT6Y7657CPFPE5WEYDSQ"],
    "received_at": "2024-07-03T09:46:40.614773143Z",
    "uplink_message": {
        "session_key_id": "AXA50tHUGUucuzS/bCGMNw==",
        "f_port": 2,
        "f_cnt": 41,
        "frm_payload": "AQIDBA==",
        "decoded_payload": {"level_cm": 128.3, "water": {"temp": 21.6}, "leak": False},
        "rx_metadata": [
            {
                "gateway_ids": {"gateway_id": "gw-1"},
                "rssi": -107,
                "channel_rssi": -107,
                "snr": -3.5,
            },
            {"gateway_ids": {"gateway_id": "gw-2"}, "rssi": -61, "channel_rssi": -61, "snr": 9.8},
        ],
        "settings": {"frequency": "470300000"},
        "received_at": "2024-07-03T09:46:40.383634108Z",
    },
}
AT_MS = 1_720_000_000_384
RECORDS = (
    Record("level_cm", 128.3, at_ms=AT_MS),
    Record("water.temp", 21.6, at_ms=AT_MS),
    Record("leak", 0.0, at_ms=AT_MS),
    Record("rx.rssi", -61.0, "signal", "dBm", AT_MS, spare=True),
)


def test_an_uplink_of_chirpstack_is_read() -> None:
    said = chirpstack.told(CHIRPSTACK_TOPIC, json.dumps(CHIRPSTACK).encode())
    assert said.records == RECORDS
    assert said.number == (f"00189440 {AT_MS}", 41)


def test_an_uplink_of_the_things_stack_is_read() -> None:
    said = tts.told(TTS_TOPIC, json.dumps(TTS).encode())
    assert said.records == RECORDS
    assert said.number == (f"AXA50tHUGUucuzS/bCGMNw== {AT_MS}", 41)


@pytest.mark.parametrize("event", ["join", "ack", "txack", "status", "log", "location"])
def test_other_events_of_chirpstack_measure_nothing(event) -> None:
    said = chirpstack.told(CHIRPSTACK_TOPIC.replace("/up", f"/{event}"), b"{}")
    assert (said.records, said.refused) == ((), ())


@pytest.mark.parametrize(
    "kind", ["join", "down/ack", "down/failed", "service/data", "location/solved"]
)
def test_other_messages_of_the_things_stack_measure_nothing(kind) -> None:
    said = tts.told(TTS_TOPIC.replace("/up", f"/{kind}"), b"{}")
    assert (said.records, said.refused) == ((), ())


def test_a_counter_at_zero_is_left_out_by_both() -> None:
    first = {key: value for key, value in CHIRPSTACK.items() if key != "fCnt"}
    said = chirpstack.told(CHIRPSTACK_TOPIC, json.dumps(first).encode())
    assert said.number == (f"00189440 {AT_MS}", 0)
    uplink = {key: value for key, value in TTS["uplink_message"].items() if key != "f_cnt"}
    said = tts.told(TTS_TOPIC, json.dumps({**TTS, "uplink_message": uplink}).encode())
    assert said.number == (f"AXA50tHUGUucuzS/bCGMNw== {AT_MS}", 0)


def test_an_uplink_without_a_time_has_no_number() -> None:
    first = {key: value for key, value in CHIRPSTACK.items() if key != "time"}
    said = chirpstack.told(CHIRPSTACK_TOPIC, json.dumps(first).encode())
    assert said.number is None
    assert {record.at_ms for record in said.records} == {None}


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"object": None}, "codec"),
        ({"object": [1]}, "is an object"),
        ({"deviceInfo": {"devEui": "0" * 16}}, "devEUI"),
        ({"deviceInfo": None}, "devEUI"),
        ({"time": "yesterday"}, "ISO 8601"),
        ({"time": 5}, "no text"),
        ({"fCnt": -1}, "frame counter"),
        ({"fCnt": True}, "frame counter"),
    ],
)
def test_an_uplink_of_chirpstack_that_cannot_be_used_says_why(change, reason) -> None:
    with pytest.raises(Garbled, match=reason):
        chirpstack.told(CHIRPSTACK_TOPIC, json.dumps({**CHIRPSTACK, **change}).encode())


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"decoded_payload": None}, "payload formatter"),
        ({"decoded_payload": 7}, "is an object"),
        ({"received_at": "yesterday"}, "ISO 8601"),
        ({"received_at": {}}, "no text"),
        ({"f_cnt": 2**32}, "frame counter"),
    ],
)
def test_an_uplink_of_the_things_stack_that_cannot_be_used_says_why(change, reason) -> None:
    body = {**TTS, "uplink_message": {**TTS["uplink_message"], **change}}
    with pytest.raises(Garbled, match=reason):
        tts.told(TTS_TOPIC, json.dumps(body).encode())


def test_a_device_speaks_for_itself_alone() -> None:
    with pytest.raises(Garbled, match="gauge-2"):
        tts.told(TTS_TOPIC.replace("gauge-1", "gauge-2"), json.dumps(TTS).encode())
    with pytest.raises(Garbled, match="topic"):
        chirpstack.told("application/1/device/xyz/event/up", json.dumps(CHIRPSTACK).encode())


def test_a_simulated_uplink_raises_nothing() -> None:
    said = tts.told(TTS_TOPIC, json.dumps({**TTS, "simulated": True}).encode())
    assert said.records == ()
    assert said.refused[0][0] == "simulated in the console"


def test_a_frame_without_a_payload_tells_of_the_signal_alone() -> None:
    bare = {key: value for key, value in CHIRPSTACK.items() if key not in ("object", "data")}
    said = chirpstack.told(CHIRPSTACK_TOPIC, json.dumps(bare).encode())
    assert [record.name for record in said.records] == ["rx.rssi"]


@pytest.mark.parametrize("body", [b"", b"[]", b"7", b'"x"', b"null", b"{}"])
def test_what_is_no_uplink_is_garbled(body) -> None:
    for topic, told in ((CHIRPSTACK_TOPIC, chirpstack.told), (TTS_TOPIC, tts.told)):
        with pytest.raises(Garbled):
            told(topic, body)
