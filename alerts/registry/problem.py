"""Problem: one mistake in a registry, where it stands, and how to mend it."""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum


class Level(StrEnum):
    ERROR = "error"  # cannot be used
    WARNING = "warning"  # can be used; somebody should know


@dataclass(frozen=True, slots=True, kw_only=True)
class Problem:
    """``where`` is the key path, items by their id: ``places[shed-2].ports[7].circuit``."""

    file: str
    where: str
    what: str
    remedy: str
    level: Level = Level.ERROR

    def __str__(self) -> str:
        spot = f"{self.file}: {self.where}" if self.where else self.file
        return f"{spot}: {self.what}; {self.remedy}"


class RegistryError(ValueError):
    """A registry that cannot be used, with all its problems."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(str(problem) for problem in problems))
        self.problems = tuple(problems)
