"""Reading a TOML table by hand: each mistake becomes a line with its key and remedy, none stops."""

from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, date, datetime
from math import isfinite
from typing import Any, TypeVar

from edge.contract.ids import is_id

_MISSING = object()
_T = TypeVar("_T")


class Table:
    """One table of the file. ``done`` complains about the keys that nobody asked for."""

    def __init__(self, raw: object, where: str, problems: list[str]) -> None:
        self.where = where
        self.problems = problems
        self._asked: set[str] = set()
        self._raw: Mapping[str, Any] = {}
        if isinstance(raw, Mapping):
            self._raw = raw
        else:
            problems.append(f"{where}: write a table, got {raw!r}")

    def __contains__(self, key: str) -> bool:
        return key in self._raw

    def complain(self, key: str, text: str) -> None:
        self.problems.append(f"{self._path(key)}: {text}")

    def text(self, key: str, default: str | None = None, *, most: int = 500) -> str:
        """A non-empty string; without a default the key is required."""
        return self._take(
            key, default, "", lambda raw: isinstance(raw, str) and 0 < len(raw) <= most,
            "write a text in quotes",
        )  # fmt: skip

    def id(self, key: str, default: str | None = None) -> str:
        return self._take(key, default, "", is_id, "write an id: 1 to 64 of a-z, 0-9 and -")

    def number(
        self, key: str, default: float | None = None, *, least: float | None = None,
        most: float | None = None, above: float | None = None,
    ) -> float:  # fmt: skip
        """A finite number within the bounds."""
        bounds = [
            f"{word} {bound:.12g}"
            for word, bound in (("at least", least), ("above", above), ("at most", most))
            if bound is not None
        ]

        def fits(raw: object) -> bool:
            return (
                isinstance(raw, int | float)
                and not isinstance(raw, bool)
                and isfinite(raw)
                and (least is None or raw >= least)
                and (above is None or raw > above)
                and (most is None or raw <= most)
            )

        remedy = " ".join(["write a number", " and ".join(bounds)]).strip()
        return float(self._take(key, default, 0.0, fits, remedy))

    def whole(self, key: str, default: int | None = None, *, least: int, most: int) -> int:
        def fits(raw: object) -> bool:
            return type(raw) is int and least <= raw <= most

        return self._take(key, default, least, fits, f"write a whole number, {least} to {most}")

    def flag(self, key: str, default: bool) -> bool:
        return self._take(
            key, default, default, lambda raw: isinstance(raw, bool), "write true or false"
        )

    def one_of(self, key: str, words: Iterable[str], default: str | None = None) -> str:
        words = tuple(words)
        return self._take(
            key, default, words[0], lambda raw: raw in words, f"write one of {', '.join(words)}"
        )

    def moment(self, key: str) -> str | float | None:
        """A time (ISO 8601 or a TOML date-time) or an offset in seconds; None when not given."""
        raw = self._get(key)
        if raw is _MISSING:
            return None
        if isinstance(raw, datetime):
            return raw.isoformat()
        if isinstance(raw, date):
            return raw.isoformat()
        if isinstance(raw, int | float) and not isinstance(raw, bool) and isfinite(raw):
            return float(raw)
        if isinstance(raw, str) and at_seconds(raw) is not None:
            return raw
        self.complain(key, f"write a time such as 2019-01-17T10:45Z or seconds, got {raw!r}")
        return None

    def table(self, key: str) -> "Table":
        """A table within, empty when it is not given."""
        raw = self._get(key)
        return Table({} if raw is _MISSING else raw, self._path(key), self.problems)

    def tables(self, key: str) -> "list[Table]":
        """An array of tables."""
        raw = self._get(key)
        if raw is _MISSING:
            return []
        if not isinstance(raw, list):
            self.complain(key, f"write [[{key}]] with two brackets")
            return []
        path = self._path(key)
        return [
            Table(each, entry_path(path, each, nth, len(raw)), self.problems)
            for nth, each in enumerate(raw)
        ]

    def texts(self, key: str) -> list[str]:
        """A list of strings, empty when not given."""
        raw = self._get(key)
        if raw is _MISSING:
            return []
        if isinstance(raw, list) and all(isinstance(each, str) for each in raw):
            return list(raw)
        self.complain(key, f"write a list of texts, got {raw!r}")
        return []

    def keys(self) -> list[str]:
        return list(self._raw)

    def raw(self, key: str) -> object:
        """The value as it stands; None when not given."""
        raw = self._get(key)
        return None if raw is _MISSING else raw

    def done(self) -> None:
        """Each key that nobody asked for is a mistake, most likely a misspelt one."""
        for key in self._raw:
            if key not in self._asked:
                import difflib  # only for who misspelt a key

                near = difflib.get_close_matches(key, self._asked, 1)
                hint = f"did you mean {near[0]!r}?" if near else "take it out"
                self.complain(key, f"unknown key; {hint}")

    def _path(self, key: str) -> str:
        return f"{self.where}.{key}" if self.where else key

    def _get(self, key: str) -> Any:
        self._asked.add(key)
        return self._raw.get(key, _MISSING)

    def _take(
        self, key: str, default: _T | None, otherwise: _T, fits: Callable[[Any], bool], remedy: str
    ) -> _T:
        raw = self._get(key)
        if raw is _MISSING:
            if default is None:
                self.complain(key, f"is missing; {remedy}")
                return otherwise
            return default
        if not fits(raw):
            self.complain(key, f"{remedy}, got {raw!r}")
            return otherwise
        value: _T = raw
        return value


def entry_path(path: str, raw: object, nth: int, count: int) -> str:
    """How an entry of an array is called: by its name, else counted as people count."""
    name = raw.get("name") if isinstance(raw, Mapping) else None
    return f"{path}.{name}" if is_id(name) else f"{path}[{nth + 1} of {count}]"


def at_seconds(text: str) -> float | None:
    """Seconds since 1970 of an ISO 8601 time (UTC when it names no zone), or None."""
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        return None
    return (at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp()
