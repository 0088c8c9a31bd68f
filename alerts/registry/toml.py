"""A community as TOML files: read with every mistake named at once, written without loss."""

import json
import os
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import MISSING, fields, is_dataclass
from difflib import get_close_matches
from enum import Enum
from pathlib import Path
from typing import Any

import tomli_w
from pydantic import TypeAdapter, ValidationError

from alerts.registry.check import TABLES, check
from alerts.registry.model import (
    Address,
    Away,
    Binding,
    Circuit,
    Device,
    Names,
    Override,
    Person,
    Place,
    Port,
    Registry,
    Rota,
    Site,
    Subscription,
    Tier,
    Tiers,
    Turn,
)
from alerts.registry.problem import Level, Problem, RegistryError
from alerts.words import Severity

_ADAPTERS: dict[str, TypeAdapter[Any]] = {
    "sites": TypeAdapter(tuple[Site, ...]),
    "places": TypeAdapter(tuple[Place, ...]),
    "devices": TypeAdapter(tuple[Device, ...]),
    "people": TypeAdapter(tuple[Person, ...]),
    "tiers": TypeAdapter(tuple[Tiers, ...]),
    "rotas": TypeAdapter(tuple[Rota, ...]),
    "subscriptions": TypeAdapter(tuple[Subscription, ...]),
    "overrides": TypeAdapter(tuple[Override, ...]),
    "cell": TypeAdapter(str),
    "revision": TypeAdapter(int),
}
_KEYS = sorted(
    {
        field.name
        for shape in (Address, Away, Binding, Circuit, Device, Names, Override, Person, Place, Port, Rota,
                      Site, Subscription, Tier, Tiers, Turn)
        for field in fields(shape)
    }
)  # fmt: skip
_HEADS = {
    "sites": "The community itself: its id, names and time zone.",
    "places": "What is watched: reaches, sheds with sockets and circuits, risk points.",
    "devices": "The boxes, and what each may speak of (bindings).",
    "people": "People and posts: role, places, language, addresses. Secrets as env: or file: only.",
    "tiers": "The climb: which role is told first, and seconds until the next, by severity.",
    "rotas": "Who has a post when.",
    "subscriptions": "Who wants to hear beside the climb.",
    "overrides": "Numbers of rules changed for one place, with who, when and why.",
}
_WHOLE_MOST = 2**53  # up to here every whole float is that whole number


def read(paths: Path | Sequence[Path]) -> Registry:
    """The registry in a folder's ``*.toml`` or in the files given, tables merged by file name.

    RegistryError lists all mistakes; warnings alone raise nothing (``check`` gives them).
    """
    registry, problems = examine(paths)
    if registry is None or any(problem.level is Level.ERROR for problem in problems):
        raise RegistryError(problems)
    return registry


def examine(paths: Path | Sequence[Path]) -> tuple[Registry | None, list[Problem]]:
    """The registry and all its problems, warnings too; None when its shape is wrong already."""
    files, problems = _files(paths)
    values: dict[str, Any] = {}
    homes: dict[tuple[str, int], str] = {}
    for file in files:
        try:
            data = tomllib.loads(file.read_text("utf-8"))
        except (tomllib.TOMLDecodeError, OSError, UnicodeDecodeError) as error:
            problems.append(_unreadable(file.name, error))
            continue
        for key, raw in data.items():
            value, wrong = _take(file.name, key, raw)
            problems += wrong
            if wrong:
                continue
            if key in TABLES:
                before = values.get(key, ())
                for n in range(len(value)):
                    homes[key, len(before) + n] = file.name
                values[key] = before + value
            elif values.setdefault(key, value) != value:
                problems.append(
                    Problem(file=file.name, where=key, what=f"{value!r}, elsewhere {values[key]!r}",
                            remedy="keep one")
                )  # fmt: skip
    if problems:
        return None, problems
    registry = Registry(**values)
    return registry, check(registry, homes)


def write(registry: Registry, folder: Path) -> list[Path]:
    """One file a table, each replaced whole; ``read(folder)`` gives the same registry back.

    RegistryError when another TOML file lies there, which ``read`` would take in as well.
    """
    folder.mkdir(parents=True, exist_ok=True)
    ours = {f"{table}.toml" for table in TABLES}
    strange = sorted(file.name for file in folder.glob("*.toml") if file.name not in ours)
    if strange:
        raise RegistryError(
            [Problem(file=name, where="", what="is none of the files of an export",
                     remedy="export into a folder of its own") for name in strange]
        )  # fmt: skip
    written = []
    for table in TABLES:
        data: dict[str, Any] = {}
        if table == "sites":
            data["cell"] = registry.cell
            if registry.revision:
                data["revision"] = registry.revision
        items = getattr(registry, table)
        if items:
            data[table] = [plain(item) for item in items]
        file = folder / f"{table}.toml"
        part = folder / f".{table}.toml.part"
        part.write_text(f"# {_HEADS[table]}\n\n{tomli_w.dumps(data)}", "utf-8")
        os.replace(part, file)
        written.append(file)
    return written


def plain(value: Any) -> Any:
    """A value of the model as TOML has it: words for enums, nothing that is a default."""
    if isinstance(value, Severity):
        return value.name.lower()
    if isinstance(value, Enum):
        return value.value
    if is_dataclass(value):
        return {
            field.name: plain(getattr(value, field.name))
            for field in fields(value)
            if not _is_default(field, getattr(value, field.name))
        }
    if isinstance(value, tuple | list):
        return [plain(each) for each in value]
    if isinstance(value, Mapping):
        return {plain(key): plain(each) for key, each in value.items()}
    if isinstance(value, float) and value.is_integer() and 0 < abs(value) <= _WHOLE_MOST:
        return int(value)
    return value


def _is_default(field: Any, value: object) -> bool:
    if field.default_factory is not MISSING:
        return bool(value == field.default_factory())
    return field.default is not MISSING and bool(value == field.default)


def _files(paths: Path | Sequence[Path]) -> tuple[list[Path], list[Problem]]:
    files: list[Path] = []
    problems = []
    for path in [paths] if isinstance(paths, Path) else paths:
        found = sorted(path.glob("*.toml")) if path.is_dir() else [path]
        files += found
        if not found:
            problems.append(
                Problem(file=str(path), where="", what="no .toml file lies here",
                        remedy="name the folder that holds sites.toml and the others")
            )  # fmt: skip
    return files, problems


def _unreadable(file: str, error: Exception) -> Problem:
    if isinstance(error, tomllib.TOMLDecodeError):
        return Problem(file=file, where="", what=f"no TOML: {error}", remedy="mend that line")
    if isinstance(error, UnicodeDecodeError):
        return Problem(file=file, where="", what="not UTF-8", remedy="save it as UTF-8")
    reason = error.strerror if isinstance(error, OSError) else str(error)
    return Problem(file=file, where="", what=f"cannot be read ({reason})", remedy="mend the path")


def _take(file: str, key: str, raw: Any) -> tuple[Any, list[Problem]]:
    adapter = _ADAPTERS.get(key)
    if adapter is None:
        near = get_close_matches(key, _ADAPTERS, n=1)
        remedy = f"did you mean {near[0]!r}?" if near else f"use one of {', '.join(_ADAPTERS)}"
        return None, [Problem(file=file, where=key, what="is not known", remedy=remedy)]
    if key == "tiers":
        raw = _severities(raw)
    if key == "subscriptions":
        raw = _severity(raw)
    # As JSON, strict: words become enums, but "yes" is no truth and "5" no number. A TOML date
    # becomes its text.
    text = json.dumps(raw, default=lambda value: value.isoformat())
    try:
        return adapter.validate_json(text, strict=True), []
    except ValidationError as error:
        return None, list(_mistakes(file, key, raw, error))


def _severities(raw: Any) -> Any:
    """Tiers with the words in ``wait_s`` as the numbers of Severity; unknown words stay."""
    if not isinstance(raw, list):
        return raw
    known = {severity.name.lower(): str(int(severity)) for severity in Severity}
    out = []
    for tiers in raw:
        steps = tiers.get("steps") if isinstance(tiers, dict) else None
        if isinstance(steps, list):
            steps = [
                step | {"wait_s": {known.get(k, k + "!"): v for k, v in step["wait_s"].items()}}
                if isinstance(step, dict) and isinstance(step.get("wait_s"), dict)
                else step
                for step in steps
            ]
            tiers = tiers | {"steps": steps}
        out.append(tiers)
    return out


def _severity(raw: Any) -> Any:
    """Subscriptions with the word in ``severity`` as the number of Severity; unknown words stay."""
    if not isinstance(raw, list):
        return raw
    known = {severity.name.lower(): int(severity) for severity in Severity}
    return [
        one | {"severity": known.get(one["severity"], one["severity"])}
        if isinstance(one, dict) and isinstance(one.get("severity"), str)
        else one
        for one in raw
    ]


def _mistakes(file: str, key: str, raw: Any, error: ValidationError) -> Iterator[Problem]:
    for mistake in error.errors(include_url=False):
        where = _spell(key, raw, mistake["loc"])
        kind = mistake["type"]
        given = mistake.get("input")
        match kind:
            case "missing" | "missing_keyword_only_argument" | "missing_argument":
                what, remedy = "is missing", "add it"
            case "extra_forbidden" | "unexpected_keyword_argument":
                name = str(mistake["loc"][-1])
                near = get_close_matches(name, _KEYS, n=1)
                what, remedy = "is not known", "remove it"
                if name in _KEYS:  # of another table
                    what = "is not known here"
                elif near:
                    remedy = f"did you mean {near[0]!r}?"
            case "enum":
                what = f"{given!r} is not known"
                remedy = f"write {mistake.get('ctx', {}).get('expected', '')}"
                if mistake["loc"][-1] in ("[key]", "severity"):
                    what = "is no severity"
                    remedy = "write " + ", ".join(severity.name.lower() for severity in Severity)
            case _:
                what, remedy = f"{given!r} does not fit", _REMEDIES.get(kind, mistake["msg"])
        yield Problem(file=file, where=where, what=what, remedy=remedy)


_REMEDIES = {
    "string_type": "write a text in quotes",
    "float_type": "write a number without quotes",
    "int_type": "write a whole number without quotes",
    "bool_type": "write true or false",
    "tuple_type": "write a list: [ ... ]",
    "dict_type": "write a table: { ... }",
    "dataclass_type": "write a table: { ... }",
    "dataclass_exact_type": "write a table: { ... }",
}


def _spell(key: str, raw: Any, loc: Sequence[int | str]) -> str:
    """``places[shed-2].ports[7].circuit``: items by id, else counted from 1."""
    path, data = key, raw
    for part in loc:
        if part == "[key]":
            continue
        if isinstance(part, int):
            data = data[part] if isinstance(data, list) and part < len(data) else None
            name = data.get("id") if isinstance(data, dict) else None
            path += f"[{name if isinstance(name, str) else part + 1}]"
        else:
            data = data.get(part) if isinstance(data, dict) else None
            path += f".{_word(part)}"
    return path


def _word(key: str) -> str:
    """A key as the file has it: a severity by its word again."""
    return Severity(int(key)).name.lower() if key in _NUMBERS else key.removesuffix("!")


_NUMBERS = frozenset(str(int(severity)) for severity in Severity)
