"""A fault to try rules and people with: when, on what, and of which shape."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Injection:
    """From ``at_s`` after the begin for ``for_s``; ``metric`` is empty for a fault of the whole.

    ``to`` (None: not given), ``by``, ``times`` and ``chance`` are what its shape makes of them.
    """

    at_s: float
    for_s: float
    shape: str
    metric: str = ""
    to: float | None = None
    by: float = 0.0
    times: float = 1.0
    chance: float = 1.0

    def lasts(self, offset_s: float) -> bool:
        return self.at_s <= offset_s < self.at_s + self.for_s

    def since(self, begin_s: float) -> "Injection":
        """The same with its time counted from where ``begin_s`` is counted from."""
        return replace(self, at_s=begin_s + self.at_s)

    def share(self, offset_s: float) -> float:
        """How much of it has passed, 0 to 1."""
        return (offset_s - self.at_s) / self.for_s
