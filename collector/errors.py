"""What can go wrong in the running house, divided by what the caller does next.

CollectorError
├── ConfigError      mend the file: all its problems are listed (exit code 2)
└── OutsideError     something outside is not there: start it, or wait (exit code 3)
"""

from collections.abc import Sequence

EXIT_CONFIG = 2
EXIT_OUTSIDE = 3


class CollectorError(Exception):
    """The root of all that the collector raises on purpose."""


class ConfigError(CollectorError):
    """A configuration that cannot be used: every problem with its place and remedy."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__("\n".join(self.problems))


class OutsideError(CollectorError):
    """A file, a directory or a server that must be there is not."""
