"""A relay behind a Modbus coil: written (function 5), then read back (function 1).

Modbus Application Protocol V1.1b3, 6.5: the answer to a write is an echo of the request, which a
two-wire adapter gives just as well when nobody is there; so only the coil that was read counts.
A line that sensors share is waited for, so an output that matters has a line of its own.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

from edge.errors import OutputError, SensorError
from edge.sensors import modbus_frame
from edge.sensors.line import Line, Wire

READ_COILS, WRITE_COIL = 1, modbus_frame.WRITE_COIL


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
                self._ask(
                    WRITE_COIL,
                    lambda number: modbus_frame.write_coil(self.unit_id, self.address, bit, number),
                )
                given = self._ask(
                    READ_COILS,
                    lambda number: modbus_frame.read(
                        self.unit_id, READ_COILS, self.address, 1, number
                    ),
                )
        except SensorError as error:
            raise OutputError(f"{where}: {error}") from error
        if bool(given.data[0] & 1) is not bit:
            raise OutputError(f"{where}: took the order and stands as before; see the module")

    def close(self) -> None:
        self._wire.close()

    def _ask(self, function: int, asking: Callable[[int | None], bytes]) -> modbus_frame.Frame:
        """The answer; SensorError when there is none, or an exception."""
        number = None
        if not self.is_rtu:
            number = self._number = self._number % 0xFFFF + 1

        def understand(heard: bytes) -> modbus_frame.Frame | None:
            frame = modbus_frame.answer(heard, self.unit_id, function, number)
            if frame is None or frame.exception:
                return frame
            at = self.address.to_bytes(2, "big")
            fits = frame.data[:2] == at if function == WRITE_COIL else len(frame.data) == 1
            return frame if fits else None

        frame = self._wire.exchange(asking(number), understand, strips_echo=function != WRITE_COIL)
        if frame.exception:
            raise SensorError(f"exception {frame.exception}; see the module's list of coils")
        return frame
