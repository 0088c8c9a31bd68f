"""The file of what came by wire, as the agent uses it: trouble with it is a note, never an end."""

import logging
from pathlib import Path

from edge.clock import Clock
from edge.settings import kept
from edge.settings.kept import Kept

_log = logging.getLogger(__name__)


class Keeping:
    """``<journal>.remote.json`` beside the journal. ``notes`` collects what a person should know.

    ``damage`` is why nothing of a file that is there is in force; empty while it can be read.
    """

    def __init__(self, journal: Path, device: str, notes: list[str]) -> None:
        self.path = journal.with_name(journal.name + kept.ENDING)
        self.damage = ""
        self._device = device
        self._notes = notes

    def load(self) -> Kept | None:
        try:
            found = kept.load(self.path, self._device)
        except OSError as error:
            self._notes.append(f"{self.path} cannot be read ({error.strerror}); not in force")
            return None
        if isinstance(found, str):
            self.damage = f"{self.path} {found}; not in force"
            self._notes.append(self.damage)
            return None
        return found

    def save(self, found: Kept) -> bool:
        """Whether it is on the disk."""
        try:
            kept.save(self.path, found)
        except OSError as error:
            _log.error("settings by wire: %s cannot be written: %s", self.path, error)
            return False
        return True

    def set_aside(self) -> None:
        """Give a damaged file a name with its date."""
        at = Clock.from_environment().now()
        aside = self.path.with_name(f"{self.path.name}.damaged-{at:%Y%m%d-%H%M%S}")
        try:
            self.path.replace(aside)
            self._notes.append(f"set aside as {aside}")
        except OSError as error:
            self._notes.append(f"cannot be set aside: {error}")
