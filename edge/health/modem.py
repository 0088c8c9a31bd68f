"""How strongly a modem hears its mast, as ModemManager tells it (``mmcli``).

Its extended signal must be switched on once, as root: ``mmcli -m any --signal-setup=60``. Only a
received strength in dBm is told; the percentage that ModemManager always has is its own scale.
Output and keys are own knowledge of ModemManager 1.20; not yet seen on a real modem.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass

from edge.health.probe import Value

PATIENCE_S = 5.0  # real; a modem that is busy answers later, and is asked again next time
_KINDS = ("lte", "umts", "gsm", "evdo", "cdma")


@dataclass(slots=True)
class Modem:
    command: str = "mmcli"
    name: str = "modem"

    @classmethod
    def found(cls, command: str) -> "Modem | None":
        """None where there is no such program, as on most boxes."""
        folders = [""] if "/" in command else os.get_exec_path()
        paths = (os.path.join(folder, command) for folder in folders)
        path = next((path for path in paths if os.access(path, os.X_OK)), None)
        return cls(path) if path is not None else None

    @property
    def mark(self) -> str:
        return ""

    def ask(self) -> Iterator[Value]:
        import subprocess  # 1 MB that only a device with a modem needs

        try:
            done = subprocess.run(
                [self.command, "-m", "any", "--signal-get", "--output-keyvalue"],
                check=False, stdin=subprocess.DEVNULL, capture_output=True, timeout=PATIENCE_S,
            )  # fmt: skip
        except subprocess.TimeoutExpired as error:
            raise OSError(f"{self.command} gave no answer for {PATIENCE_S:g} s") from error
        strength = rssi_dbm(done.stdout[:100_000].decode("utf-8", "replace"))
        if done.returncode == 0 and strength is not None:
            yield Value("signal", strength)


def rssi_dbm(said: str) -> float | None:
    """The received strength in what mmcli said, None when it does not know it."""
    keys = dict(line.split(":", 1) for line in said.splitlines() if ":" in line)
    told = {key.strip(): value.strip() for key, value in keys.items()}
    for kind in _KINDS:
        try:
            return float(told.get(f"modem.signal.{kind}.rssi", "--"))
        except ValueError:
            continue
    return None
