"""A relay or buzzer at a GPIO pin, by gpiozero."""

from dataclasses import dataclass
from typing import Any

from edge.errors import OutputError


@dataclass(slots=True)
class PinSwitch:
    """Closed is ``is_high`` (many relay boards close at low). Opening the pin begins with open."""

    pin: int | str
    is_high: bool = True
    is_quick: bool = True
    _device: Any = None

    def set(self, is_closed: bool) -> None:
        try:
            device = self._device or self._open()
            device.on() if is_closed else device.off()
            if bool(device.value) is not is_closed:
                raise OutputError(f"pin {self.pin} does not take its level; see what drives it")
        except OutputError:
            raise
        except Exception as error:  # each back end of gpiozero has its own errors
            self.close()
            raise OutputError(f"pin {self.pin} cannot be driven: {error!r}") from error

    def close(self) -> None:
        device, self._device = self._device, None
        if device is not None:
            device.close()

    def _open(self) -> Any:
        try:
            from gpiozero import DigitalOutputDevice
        except ImportError as error:
            raise OutputError(
                f"the driver gpiozero is not there ({error}); pip install 'shouwang[gpio]'"
            ) from error
        self._device = DigitalOutputDevice(self.pin, active_high=self.is_high, initial_value=False)
        return self._device
