"""How often a rule was right, of what has closed."""

from dataclasses import dataclass, replace


@dataclass(frozen=True, slots=True, kw_only=True)
class Precision:
    """``real`` closed otherwise than as a false alarm or by time; of ``unconfirmed`` nobody knows."""

    real: int = 0
    false: int = 0
    unconfirmed: int = 0

    @property
    def closed(self) -> int:
        return self.real + self.false + self.unconfirmed

    @property
    def share(self) -> float | None:
        """Of what is known, how much was real, 0 to 1; None while nothing is."""
        known = self.real + self.false
        return self.real / known if known else None

    def with_closed(self, count: int, *, is_false: bool, is_unconfirmed: bool) -> "Precision":
        """With ``count`` more that closed so."""
        if is_false:
            return replace(self, false=self.false + count)
        if is_unconfirmed:
            return replace(self, unconfirmed=self.unconfirmed + count)
        return replace(self, real=self.real + count)
