"""What is fuzzed: each decoder as a function of bytes, with messages to begin from.

Both hypothesis (in the suite) and atheris (``make fuzz``) call these. A target lets nothing out but
a bug: the decoder's declared error is caught, and what it gives is looked at.
"""

import json
import struct
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from math import isfinite
from typing import Any
from zoneinfo import ZoneInfo

import orjson

from collector.decoders import (
    ap3000,
    ap3000_frame,
    chirpstack,
    hj212,
    hj212_frame,
    line,
    pointed,
    senml,
    shelly,
    tasmota,
    tts,
)
from collector.decoders.port import Garbled, Told
from edge.contract import senml as native
from edge.contract.command import decode_result
from edge.contract.reading import Decoded
from edge.contract.settings import decode_reported
from edge.contract.status import Status
from edge.contract.topics import Topic

NOW_MS = 1_790_000_000_000
_SHANGHAI = ZoneInfo("Asia/Shanghai")
_SHAPE = pointed.Shape(
    values=("", "/v", "/o/v", "/0", "/a~1b"),
    samples="/s",
    time="/t",
    time_format="iso",
    zone=_SHANGHAI,
    words={"ON": 1},
)
_SHAPES = (
    _SHAPE,
    pointed.Shape(values=("/v", "/s/0/v"), time="/t", time_format="epoch-ms"),
    pointed.Shape(values=("/v",), time="/t", time_format="%d.%m.%Y %H:%M:%S %z", zone=_SHANGHAI),
)
_EUI = "a84041f4b1c2d3e4"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """``run`` takes any bytes and raises nothing; ``seeds`` are good messages."""

    run: Callable[[bytes], None]
    seeds: tuple[bytes, ...]


def _native(data: bytes) -> None:
    loaders: tuple[Callable[[bytes], Any], ...] = (orjson.loads, json.loads)
    for loads in loaders:
        said = native.decode(data, topic="t", site="s", device="d", now_ms=NOW_MS, loads=loads)
        if isinstance(said, Decoded):
            batch = said.batch
            assert len(batch) + len(said.rejected) == batch.count
            assert all(value is None or isfinite(value) for value in batch.value)
            for at_ms in batch.at_ms:
                struct.pack("q", at_ms)


def _words(data: bytes) -> None:
    """The other words that devices say, and the topic they say it on."""
    Topic.parse(data.decode("utf-8", "surrogateescape"))
    Status.decode(data, orjson.loads)
    decode_result(data, orjson.loads)
    decode_reported(data, orjson.loads)


def _tasmota(data: bytes) -> None:
    topic, _, payload = data.partition(b"\n")
    for zone in (None, _SHANGHAI):
        _told(partial(tasmota.told, _topic(topic), payload, zone))


def _shelly(data: bytes) -> None:
    topic, _, payload = data.partition(b"\n")
    _told(partial(shelly.told, _topic(topic), payload))


def _chirpstack(data: bytes) -> None:
    _told(partial(chirpstack.told, f"application/1/device/{_EUI}/event/up", data))


def _tts(data: bytes) -> None:
    _told(partial(tts.told, "v3/a@t/devices/dev/up", data))


def _line(data: bytes) -> None:
    _told(partial(line.told, data, "ns", ("a", "host")))
    _told(partial(line.told, data, "s"))


def _json(data: bytes) -> None:
    for shape in _SHAPES:
        _told(partial(pointed.told, data, shape))


def _senml(data: bytes) -> None:
    _told(partial(senml.told, data, NOW_MS))


def _hj212(data: bytes) -> None:
    def packet(segment: bytes) -> Told:
        found = hj212.parse(segment)
        repr(found), hj212_frame.frame(hj212.answer(found))
        return hj212.told(found, found.at_ms) if found.is_data else Told()

    _told(partial(packet, data))
    whole, cut = hj212_frame.Frames(), hj212_frame.Frames()
    together = [*whole.feed(data), *whole.end()]
    step = 1 if len(data) < 2_000 else 997
    apart = [found for at in range(0, len(data), step) for found in cut.feed(data[at : at + step])]
    apart += cut.end()
    segments = [found.raw for found in together if isinstance(found, hj212_frame.Segment)]
    # However the network cuts the stream, the same segments come out.
    assert segments == [found.raw for found in apart if isinstance(found, hj212_frame.Segment)]
    for segment in segments:
        _told(partial(packet, segment))


def _ap3000(data: bytes) -> None:
    whole, cut = ap3000_frame.Frames(), ap3000_frame.Frames()
    together = [*whole.feed(data), *whole.end()]
    step = 1 if len(data) < 2_000 else 997
    apart = [found for at in range(0, len(data), step) for found in cut.feed(data[at : at + step])]
    frames = [found for found in together if isinstance(found, ap3000_frame.Frame)]
    # However the network cuts the stream, the same frames come out.
    assert frames == [found for found in apart if isinstance(found, ap3000_frame.Frame)]
    if data:
        board = ap3000_frame.Frame(board=0x0A000001, message=1, command=data[0], data=data[1:200])
        frames.append(board)
    for frame in frames:
        _told(partial(ap3000.told, frame))
        ap3000.answer(frame, 0)


def _told(decode: Callable[[], Told]) -> None:
    """The decoder raises Garbled or gives records that can be kept."""
    try:
        said = decode()
    except Garbled:
        return
    assert len(said.records) <= 20_000
    for record in said.records:
        assert record.value is None or (type(record.value) is float and isfinite(record.value))
        if record.at_ms is not None:
            assert type(record.at_ms) is int
            struct.pack("q", record.at_ms)  # as the journal keeps it
    for reason, raw in said.refused:
        assert isinstance(raw, bytes)
        assert len(reason) < 500


def _topic(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


_UPLINK = {
    "time": "2024-07-03T09:46:40.383634108+00:00",
    "deviceInfo": {"devEui": _EUI},
    "devAddr": "00189440",
    "fCnt": 41,
    "data": "AQ==",
    "object": {"level": 128.3, "water": {"1": 21.6}, "leak": False},
    "rxInfo": [{"rssi": -107, "snr": -3.5}],
}
_TTS_UPLINK = {
    "end_device_ids": {"device_id": "dev"},
    "received_at": "2024-07-03T09:46:40.6Z",
    "uplink_message": {
        "session_key_id": "AXA5",
        "f_cnt": 1,
        "frm_payload": "AQ==",
        "decoded_payload": {"level": 128.3},
        "rx_metadata": [{"rssi": -107}],
    },
}
_SEGMENT = (
    b"QN=20240703094640000;ST=21;CN=2011;PW=123456;MN=A110000_0001;Flag=9;PNUM=2;PNO=1;"
    b"CP=&&DataTime=20240703174640;w01009-Rtd=8.31,w01009-Flag=N;w01001-Rtd=7.42&&"
)

TARGETS = {
    "native": Target(
        run=_native,
        seeds=(
            b'[{"bn":"reach/","bt":1720000000,"run":"r1","seq":0,"n":"do","u":"mg/L","v":8.3},'
            b'{"n":"water-temp","u":"Cel","v":21.6,"t":1,"q":3,"why":"w"},{"n":"ph","q":9,"vs":"x"}]',
            b'[{"bn":"shed/p1/","run":"r","seq":5,"dropped":[["r",0,4,"full"]],"n":"smoke","vb":true}]',
        ),
    ),
    "words": Target(
        run=_words,
        seeds=(
            b'{"state":"online","run":"r1","nonce":"abc"}',
            b'{"verb":"off","target":"p1","nonce":"n","done":true}',
            b"shouwang/v1/site/device/readings",
        ),
    ),
    "senml": Target(
        run=_senml,
        seeds=(
            b'[{"bn":"urn:dev:","bt":1720000000,"bu":"V","bv":1,"bver":10,"n":"v","v":120.1},'
            b'{"n":"on","vb":true,"t":-5}]',
            bytes.fromhex("9fbf0061610382c482211903e8ffff"),
            bytes.fromhex("81a3006161016156" + "02c48221196ab3"),
        ),
    ),
    "line": Target(
        run=_line,
        seeds=(
            b'weather,host=a\\ b,a=c f=1.5e3,g=12i,h=t,s="x \\" y" 1720000000000000000\n# c\nm f=1u',
            b"m\\,x f\\=g=-.5 -1",
        ),
    ),
    "json": Target(
        run=_json,
        seeds=(
            b'{"t":"2024-07-03T17:46:40","s":[{"v":1,"o":{"v":"ON"},"a/b":true},{"v":"2","t":"x"}]}',
            b'{"t":1720000000123,"v":1e3,"s":[{"v":2}]}',
            b'{"t":"03.07.2024 17:46:40 +0800","v":null}',
        ),
    ),
    "chirpstack": Target(run=_chirpstack, seeds=(orjson.dumps(_UPLINK),)),
    "tts": Target(run=_tts, seeds=(orjson.dumps(_TTS_UPLINK),)),
    "tasmota": Target(
        run=_tasmota,
        seeds=(
            b'tele/plug/SENSOR\n{"Time":"2024-07-03T17:46:40","Epoch":1720000000,"TempUnit":"C",'
            b'"ENERGY":{"Power":[3,4],"Total":1.5},"DS18B20":{"Temperature":21.5}}',
            b'tele/plug/STATE\n{"Time":"2024-07-03T17:46:40","POWER1":"ON"}',
            b"stat/plug/POWER\nON",
            b"tele/plug/LWT\nOnline",
        ),
    ),
    "shelly": Target(
        run=_shelly,
        seeds=(
            b'plug/status/switch:0\n{"id":0,"output":true,"apower":12.5,"aenergy":{"total":3.2}}',
            b'plug/events/rpc\n{"method":"NotifyStatus","params":{"ts":1720000000.5,'
            b'"switch:0":{"apower":8.9}}}',
            b"shellies/plug/relay/0/power\n12.5",
            b"plug/online\ntrue",
        ),
    ),
    "hj212": Target(run=_hj212, seeds=(_SEGMENT, hj212_frame.frame(_SEGMENT))),
    "ap3000": Target(
        run=_ap3000,
        seeds=(
            b"89860413161892009275link"
            + bytes.fromhex("444e5910003b37ab0401002198080200000905ee02")
            + b"link"
            + bytes.fromhex("444e590b00010000 0a0100420400009d02"),
            bytes.fromhex("1701550c0903e810270000000000000000010c0c555a0000"),
        ),
    ),
}
