"""What is asked of a trial: packs, rules, numbers and times read from words, every mistake at once."""

from collections.abc import Collection, Mapping, Sequence
from datetime import tzinfo
from difflib import get_close_matches
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from alerts.packs import shipped
from alerts.replay import Column
from alerts.rules.packs import PackError, Packs, read_packs
from alerts.rules.rule import Duration
from alerts.trial.span import moment_ms
from alerts.trial.variant import Setting

SHIPPED = "shipped"
_DURATION: TypeAdapter[int] = TypeAdapter(Duration)


def pack_texts(option: str, paths: Sequence[Path], problems: list[str]) -> dict[str, str]:
    """The texts of these packs; a folder stands for its ``*.toml``, ``shipped`` for our own."""
    texts: dict[str, str] = {}
    for path in paths:
        if str(path) == SHIPPED:
            texts |= shipped()
            continue
        files = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        if not files:
            problems.append(f"{option} {path}: holds no *.toml; name a pack or a folder of packs")
        for file in files:
            try:
                texts[str(file)] = file.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                why = error.strerror if isinstance(error, OSError) else "is no UTF-8"
                problems.append(f"{file}: cannot be read ({why}); name another with {option}")
    return texts


def read(texts: Mapping[str, str], problems: list[str]) -> Packs:
    """The packs; none where they have mistakes, which are named."""
    try:
        return read_packs(texts)
    except PackError as error:
        problems += [str(problem) for problem in error.problems]
        return Packs()


def rules_named(names: Sequence[str], packs: Packs, problems: list[str]) -> frozenset[str]:
    """The rules of ``--only``."""
    for name in names:
        if packs.rules and name not in packs.rules:
            problems.append(f"--only {name}: there is no such rule; {_near(name, packs.rules)}")
    return frozenset(names)


def settings(texts: Sequence[str], packs: Packs, problems: list[str]) -> tuple[Setting, ...]:
    """``RULE.KEY=NUMBER`` or ``RULE.KEY=30m``, of rules that these packs have."""
    found = []
    for text in texts:
        path, _, raw = text.partition("=")
        rule, _, key = path.partition(".")
        value = _number(raw)
        if not rule or not key or value is None:
            problems.append(f"--set {text!r}: write RULE.KEY=NUMBER, e.g. riv-do-low.below=3")
        elif packs.rules and rule not in packs.rules:
            problems.append(f"--set {text}: there is no rule {rule!r}; {_near(rule, packs.rules)}")
        else:
            found.append(Setting(rule, key, value))
    return tuple(found)


def moment(option: str, text: str | None, zone: tzinfo, problems: list[str]) -> int | None:
    """A date or RFC 3339; None where nothing is said."""
    if text is None:
        return None
    try:
        return moment_ms(text, zone)
    except (ValueError, OverflowError):
        remedy = "write a date or a time, e.g. 2025-06-01 or 2025-06-01T08:00+08:00"
        problems.append(f"{option} {text!r}: is no time; {remedy}")
        return None


def duration_ms(option: str, text: str | None, problems: list[str]) -> int | None:
    if text is None:
        return None
    try:
        return _DURATION.validate_python(text)
    except ValidationError:
        problems.append(f'{option} {text!r}: is no duration; write e.g. "12h" or "30d"')
        return None


def columns(texts: Sequence[str], problems: list[str]) -> dict[str, Column]:
    """``NAME=PLACE[/PORT]/METRIC[*SCALE]`` by name."""
    found = {}
    for text in texts:
        name, column = _column(text)
        if column is None:
            problems.append(f"--column {text!r}: write NAME=PLACE[/PORT]/METRIC[*SCALE]")
        else:
            found[name] = column
    return found


def file_to_write(option: str, path: Path | None, problems: list[str]) -> None:
    """Said before a long run, not after it."""
    if path is not None and (path.is_dir() or not path.absolute().parent.is_dir()):
        problems.append(
            f"{option} {path}: cannot be written; name a file in a folder that is there"
        )


def _number(raw: str) -> float | None:
    try:
        value = float(raw)
    except ValueError:
        try:
            return _DURATION.validate_python(raw) / 1000
        except ValidationError:
            return None
    return value if abs(value) < float("inf") else None


def _near(name: str, known: Collection[str]) -> str:
    near = get_close_matches(name, list(known), 1)
    return f"did you mean {near[0]!r}?" if near else "docs/rules.md has the ids"


def _column(text: str) -> tuple[str, Column | None]:
    name, _, target = text.partition("=")
    path, _, scale = target.partition("*")
    parts = path.split("/")
    try:
        factor = float(scale) if scale else 1.0
    except ValueError:
        return name, None
    if not name or len(parts) not in (2, 3) or not all(parts):
        return name, None
    port = parts[1] if len(parts) == 3 else ""
    return name, Column(place=parts[0], port=port, metric=parts[-1], scale=factor)
