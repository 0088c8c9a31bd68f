"""What can go wrong on the edge, divided by what the caller does next.

EdgeError
├── ConfigError      mend the file: all its problems are listed
├── JournalError     the disk, the rights, or a second process: see the text
│   ├── JournalBusy      end the other process
│   └── JournalDamaged   close and open again: the file is then set aside
├── SensorError      this sensor; the others go on
├── OutputError      this output; it is tried again
└── UpgradeError     nothing was changed: the text says what is missing
"""

from collections.abc import Sequence


class EdgeError(Exception):
    """The root of all that the edge raises on purpose."""


class ConfigError(EdgeError):
    """A configuration that cannot be used: every problem with its place and remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class JournalError(EdgeError):
    """The journal cannot be opened or written."""


class JournalBusy(JournalError):
    """Another process writes this journal."""


class JournalDamaged(JournalError):
    """The file is damaged; opening it again sets it aside and begins a new one."""


class SensorError(EdgeError):
    """A sensor that cannot go on, with the reason."""


class OutputError(EdgeError):
    """An output that could not be driven, with the reason; it is tried again."""


class UpgradeError(EdgeError):
    """A version that was not put in place; the one that ran runs on."""


class UpgradeMissing(UpgradeError):
    """For want of something outside: room on the disk, the network, a package."""
