"""A process's own clock, by libfaketime: wrong from the start, or stepped while it runs."""

import os
from collections.abc import Mapping
from pathlib import Path

from tests.services.servers import find_faketime

RIGHT, EARLY = "+0", "@1970-01-01 00:10:00"
CLOCKS = (RIGHT, EARLY, "+7200", "-7200", "@2036-02-07 06:00:00")


class FakedClock:
    """Kept in this file; right until it is ``set``. The clock that counts since boot stays true."""

    def __init__(self, file: Path) -> None:
        self._file = file

    def set(self, to: str) -> None:
        """An offset in seconds, or a time with an @ before it, from which it goes on."""
        fresh = self._file.with_suffix(".new")
        fresh.write_text(to + "\n", "ascii")
        os.replace(fresh, self._file)

    @property
    def environment(self) -> Mapping[str, str]:
        """For the process that is to have it."""
        if not self._file.exists():
            self.set(RIGHT)
        return {
            "LD_PRELOAD": str(find_faketime()),
            "FAKETIME_TIMESTAMP_FILE": str(self._file),
            "FAKETIME_NO_CACHE": "1",
            "FAKETIME_DONT_FAKE_MONOTONIC": "1",
            "TZ": "UTC",
        }
