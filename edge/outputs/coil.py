"""A relay behind a Modbus coil: written (function 5), then read back (function 1).

Modbus Application Protocol V1.1b3, 6.5: the answer to a write is an echo of the request, which a
two-wire adapter gives just as well when nobody is there; so only the coil that was read counts.
A line that sensors share is waited for, so an output that matters has a line of its own.
"""

import logging
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from edge.errors import OutputError, SensorError
from edge.sensors.line import Line, Wire

READ_COILS, WRITE_COIL = 1, 5


@dataclass(slots=True)
class CoilSwitch:
    """Coil ``address`` (from 0) of ``unit_id``; ``is_inverted`` where the relay opens at 1."""

    line: Line
    unit_id: int
    address: int
    is_rtu: bool
    is_inverted: bool = False
    is_quick: bool = False
    _wire: Wire = field(init=False)
    _number: int = 0

    def __post_init__(self) -> None:
        self._wire = Wire(self.line)

    def set(self, is_closed: bool) -> None:
        bit = is_closed is not self.is_inverted
        where = f"unit {self.unit_id}, coil {self.address}"
        try:
            with self._wire:
                self._ask(WRITE_COIL, {"bits": [bit]}, lambda pdu: pdu.address == self.address)
                given = self._ask(READ_COILS, {"count": 1}, lambda pdu: len(pdu.bits) >= 1)
        except SensorError as error:
            raise OutputError(f"{where}: {error}") from error
        if bool(given.bits[0]) is not bit:
            raise OutputError(f"{where}: took the order and stands as before; see the module")

    def close(self) -> None:
        self._wire.close()

    def _ask(self, function: int, keys: dict[str, Any], fits: Callable[[Any], bool]) -> Any:
        """The answer's body; SensorError when there is none, or an exception."""
        framer, requests = _driver(self.is_rtu)
        self._number = 0 if self.is_rtu else self._number % 0xFFFF + 1
        request = requests[function](
            address=self.address, dev_id=self.unit_id, transaction_id=self._number, **keys
        )

        def understand(heard: bytes) -> Any:
            for at in range(len(heard) if self.is_rtu else 1):  # stray bytes before the frame
                try:
                    _, pdu = framer.handleFrame(heard[at:], self.unit_id, self._number)
                except Exception:  # bytes of a noisy line may upset a decoder in any way
                    continue
                if pdu is None or pdu.function_code & 0x7F != function:
                    continue
                if pdu.function_code & 0x80 or fits(pdu):
                    return pdu
            return None

        answer = self._wire.exchange(
            framer.buildFrame(request), understand, strips_echo=function != WRITE_COIL
        )
        if answer.function_code & 0x80:
            raise SensorError(f"exception {answer.exception_code}; see the module's list of coils")
        return answer


def _driver(is_rtu: bool) -> tuple[Any, dict[int, Any]]:
    """A framer that has heard nothing yet, and the requests by function."""
    try:
        from pymodbus.framer import FramerRTU, FramerSocket
        from pymodbus.pdu import DecodePDU
        from pymodbus.pdu.bit_message import ReadCoilsRequest, WriteSingleCoilRequest
    except ImportError as error:
        raise SensorError("pymodbus is not installed; pip install 'shouwang[modbus]'") from error
    logging.getLogger("pymodbus.logging").setLevel(logging.CRITICAL)  # the error says it
    requests = {READ_COILS: ReadCoilsRequest, WRITE_COIL: WriteSingleCoilRequest}
    return (FramerRTU if is_rtu else FramerSocket)(DecodePDU(False)), requests
