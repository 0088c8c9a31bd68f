"""A relay behind a Modbus coil, against pymodbus' server in another process."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from edge.errors import OutputError
from edge.outputs.coil import CoilSwitch
from edge.sensors.line import Line
from tests.edge.sensors.simulators import Simulator, simulator

MODES = ("tcp", "rtu-tcp", "pty")


@contextmanager
def module(mode: str) -> Iterator[tuple[Simulator, CoilSwitch]]:
    pytest.importorskip("pymodbus")
    coils = {"1": {"0": [False] * 8}}
    with simulator("modbus_simulator.py", mode=mode, registers=coils) as far:
        yield far, switch(far)


def switch(far: Simulator, coil: int = 3, **more) -> CoilSwitch:
    if far.mode == "pty":
        line = Line(serial=far.where, timeout_s=0.3)
    else:
        host, _, port = far.where.partition(":")
        line = Line(host=host, port=int(port), timeout_s=0.3)
    return CoilSwitch(line, 1, coil, is_rtu=far.mode != "tcp", **more)


@pytest.mark.parametrize("mode", MODES)
def test_a_coil_is_written_and_read_back(mode) -> None:
    with module(mode) as (_, coil):
        for is_closed in (True, False, True):
            coil.set(is_closed)
        coil.close()


@pytest.mark.parametrize(
    ("mode", "fault"),
    [
        *[("tcp", fault) for fault in ("silence", "half", "exception")],
        *[("pty", fault) for fault in ("silence", "crc", "half", "exception", "echo-only")],
    ],
)
def test_what_is_not_certain_is_an_error(mode, fault) -> None:
    with module(mode) as (far, coil):
        coil.set(False)
        far.fault(fault)
        with pytest.raises(OutputError, match="unit 1, coil 3"):
            coil.set(True)
        far.fault("none")
        coil.set(True)


def test_a_module_that_says_yes_and_does_nothing_is_found_out() -> None:
    with module("tcp") as (far, coil):
        coil.set(False)
        far.fault("deaf")
        with pytest.raises(OutputError, match="took the order and stands as before"):
            coil.set(True)
        coil.set(False)  # as it stands


def test_an_adapter_that_echoes_is_understood() -> None:
    with module("pty") as (far, coil):
        far.fault("echo")
        coil.set(True)
        coil.set(False)


def test_a_coil_that_the_module_lacks_is_said() -> None:
    with module("tcp") as (far, _), pytest.raises(OutputError, match="exception"):
        switch(far, coil=500).set(True)


def test_nobody_there_is_said() -> None:
    with pytest.raises(OutputError, match="coil 0"):
        CoilSwitch(Line(host="127.0.0.1", port=1, timeout_s=0.2), 1, 0, is_rtu=False).set(True)
