"""A text that nobody may see: no repr, log or page shows it."""

from dataclasses import dataclass, field

_MASK = "***"


@dataclass(frozen=True, slots=True)
class Secret:
    """``reveal()`` gives it to its one user."""

    _value: str = field(repr=False)

    def reveal(self) -> str:
        return self._value

    def mask(self, text: str) -> str:
        """``text`` with the secret blotted out."""
        return text.replace(self._value, _MASK) if self._value else text

    def __bool__(self) -> bool:
        return bool(self._value)

    def __str__(self) -> str:
        return _MASK

    def __repr__(self) -> str:
        return f"Secret({_MASK})"
