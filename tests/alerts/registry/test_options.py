"""Options of foreign devices: what is wrong is named with its remedy, what is right is read."""

from dataclasses import replace
from typing import Any

import pytest

from alerts.registry.model import Binding, Device, Format, Names
from alerts.registry.options import (
    JsonOptions,
    LineOptions,
    json_options,
    line_options,
    peers,
    problems,
)

DEVICE = Device(
    id="sonde",
    site="linjiang",
    names=Names(zh="探头"),
    format=Format.JSON,
    address="sonde/data",
    bindings=(Binding(place="reach", metrics=("do",), mapping={"/o2": "do"}),),
    options={
        "samples": "/data",
        "time": "/t",
        "time_format": "%Y-%m-%d %H:%M:%S",
        "words": "ON=1, OFF = 0,",
    },
)


def with_options(format: Format = Format.JSON, **options: str) -> Device:
    return replace(DEVICE, format=format, options=options)


def with_binding(**change: Any) -> Device:
    return replace(DEVICE, bindings=(replace(DEVICE.bindings[0], **change),))


def test_sound_options_are_read() -> None:
    assert list(problems(DEVICE)) == []
    assert json_options(DEVICE.options) == JsonOptions(
        samples="/data",
        time="/t",
        time_format="%Y-%m-%d %H:%M:%S",
        words={"ON": 1.0, "OFF": 0.0},
    )
    line = with_options(Format.LINE, precision="ms", tags="port, socket")
    assert list(problems(line)) == []
    assert line_options(line.options) == LineOptions(precision="ms", tags=("port", "socket"))
    assert line_options({}) == LineOptions(precision="ns", tags=())


def test_where_a_device_on_tcp_may_speak_from_is_read() -> None:
    board = replace(
        DEVICE,
        format=Format.AP3000,
        address="04ab373b",
        options={"peers": "192.0.2.7, 198.51.100.0/24"},
    )
    assert list(problems(board)) == []
    assert [str(one) for one in peers(board.options)] == ["192.0.2.7/32", "198.51.100.0/24"]
    assert peers({}) == ()


@pytest.mark.parametrize(
    ("device", "where", "words"),
    [
        (with_options(sample="/data"), "options.sample", "known: samples, time"),
        (with_options(Format.TASMOTA, time="/t"), "options.time", "tasmota has no options"),
        (with_options(Format.LINE, precision="m"), "options.precision", "ns, us, ms, s"),
        (with_options(samples="data"), "options.samples", "'/data'"),
        (with_options(time="/a~2"), "options.time", "~0"),
        (with_options(time_format="epoch"), "options.time_format", "epoch-s"),
        (with_options(time_format="%Y %Y"), "options.time_format", "epoch-s"),
        (with_options(time_format="%Q"), "options.time_format", "epoch-s"),
        (with_options(words="ON"), "options.words", "ON=1"),
        (with_options(words="ON=nan"), "options.words", "ON=1"),
        (with_binding(mapping={"o2": "do"}), "bindings[0].mapping.o2", "'/o2'"),
        (with_binding(component="data"), "bindings[0].component", "whole pointers"),
        (replace(DEVICE, format=Format.CHIRPSTACK, options={}, address="x"), "address", "16 hexa"),
        (with_options(Format.HJ212, peers="192.0.2.7, bureau"), "options.peers", "198.51.100.0/24"),
        (with_options(Format.HJ212, peers="192.0.2.7/24"), "options.peers", "198.51.100.0/24"),
        (replace(DEVICE, format=Format.AP3000, options={}, address="4ab373b"), "address", "8 hexa"),
        (replace(DEVICE, format=Format.TTS, options={}, address="+"), "address", "v3/"),
    ],
)
def test_what_is_wrong_is_named_with_its_remedy(device, where, words) -> None:
    found = list(problems(device))
    assert [one[0] for one in found] == [where]
    assert words in found[0][2]
