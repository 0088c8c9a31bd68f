"""What ``docs/architecture.md`` promises about imports, as a function of a source tree."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

FLOORS = {"edge.contract": 0, "edge": 1, "alerts": 1, "dashboards": 2, "collector": 3}

# Pure: decisions of state, input and now. They read no clock and do no I/O.
PURE = (
    "edge.contract",
    "edge.guard.rule",
    "edge.guard.watching",
    "edge.guard.standing",
    "edge.guard.telling",
    "edge.announcer.agenda",
    "edge.announcer.words",
    "edge.journal.pace",
    "edge.link.listening",
    "edge.link.version",
    "alerts.rules",
    "alerts.incidents",
    "alerts.registry.model",
    "alerts.registry.check",
    "alerts.registry.options",
    "alerts.registry.addresses",
    "alerts.notify.limits",
    "alerts.notify.limiter",
    "alerts.notify.cutting",
    "alerts.notify.merging",
    "alerts.notify.delays",
    "alerts.notify.parts",
    "alerts.notify.mns",
    "alerts.notify.receipts",
    "alerts.messages",
    "alerts.speech",
    "alerts.replay",
    "alerts.trial",
    "collector.decoders",
    "collector.foreigners",
    "collector.intake",
    "collector.quality",
    "collector.trial.ticks",
)
IO_MODULES = frozenset(
    [
        "aiohttp",
        "aiosmtplib",
        "asyncio",
        "concurrent",
        "http",
        "importlib",
        "io",
        "logging",
        "multiprocessing",
        "os",
        "paho",
        "pathlib",
        "random",
        "secrets",
        "select",
        "shutil",
        "signal",
        "smtplib",
        "socket",
        "sqlalchemy",
        "sqlite3",
        "ssl",
        "subprocess",
        "tempfile",
        "threading",
        "time",
        "urllib",
        "uuid",
    ]
)
IO_NAMES = frozenset({"open", "print", "input"})
IO_METHODS = frozenset({"read_text", "write_text", "read_bytes", "write_bytes", "iterdir"})
CLOCK_CALLS = frozenset({"now", "utcnow", "today"})

EDGE_MAY_IMPORT = frozenset({"paho", "edge"})
# Inside a function of its own file only, each brought by an extra.
EDGE_DRIVERS = frozenset({"pymodbus", "gpiozero", "serial", "smbus2", "dlt645"})


def modules(root: Path) -> Iterator[tuple[str, Path]]:
    """(dotted name, file) of each module of the four packages under ``root``."""
    for package in ("edge", "alerts", "dashboards", "collector"):
        for path in sorted((root / package).rglob("*.py")):
            if "node_modules" in path.parts:
                continue
            parts = list(path.relative_to(root).with_suffix("").parts)
            if parts[-1] == "__init__":
                parts.pop()
            yield ".".join(parts), path


def problems(root: Path) -> list[str]:
    """Every import or call that breaks a promise, as a sentence with its place."""
    names = dict(modules(root))
    graph: dict[str, set[str]] = {}
    found: list[str] = []
    for name, path in names.items():
        tree = ast.parse(path.read_text("utf-8"), str(path))
        graph[name] = set()
        for node, target in _imports(tree, set(names)):
            where = f"{path.relative_to(root)}:{node.lineno}"
            if _top(target) in {"edge", "alerts", "dashboards", "collector"}:
                found.extend(_upward(where, name, target))
                if _at_top_level(tree, node):
                    graph[name].add(target)
            elif _top(name) == "edge":
                found.extend(_heavy(where, tree, node, target))
            if _is_pure(name) and _top(target) in IO_MODULES:
                found.append(f"{where}: {name} is pure and imports {target}")
        if _is_pure(name):
            found.extend(_impure_calls(path.relative_to(root), name, tree))
    found.extend(f"cycle: {' -> '.join(cycle)}" for cycle in _cycles(graph))
    return found


def room(name: str) -> str:
    """The room a module is in: edge/contract is one of its own."""
    return "edge.contract" if (name + ".").startswith("edge.contract.") else _top(name)


def _upward(where: str, name: str, target: str) -> list[str]:
    mine, theirs = room(name), room(target)
    if mine == theirs or FLOORS[theirs] < FLOORS[mine]:
        return []
    # The house clock stands on the device's floor, since a device has one; every room reads it.
    if target == "edge.clock" and mine != "edge.contract":
        return []
    kind = "a room beside it" if FLOORS[mine] == FLOORS[theirs] else "a floor above"
    return [f"{where}: {name} imports {target}, {kind}"]


def _heavy(where: str, tree: ast.Module, node: ast.stmt, target: str) -> list[str]:
    top = _top(target)
    if top in sys.stdlib_module_names or top in EDGE_MAY_IMPORT:
        return []
    if top in EDGE_DRIVERS and not _at_top_level(tree, node):
        return []
    return [f"{where}: the edge imports {target}; a device has paho-mqtt and nothing heavier"]


def _impure_calls(path: Path, name: str, tree: ast.Module) -> Iterator[str]:
    for node in ast.walk(tree):
        if not isinstance(node, ast.Call):
            continue
        called = node.func
        if isinstance(called, ast.Name) and called.id in IO_NAMES:
            yield f"{path}:{node.lineno}: {name} is pure and calls {called.id}()"
        if isinstance(called, ast.Attribute) and called.attr in IO_METHODS:
            yield f"{path}:{node.lineno}: {name} is pure and calls .{called.attr}()"
        if isinstance(called, ast.Attribute) and called.attr in CLOCK_CALLS:
            if isinstance(called.value, ast.Name) and called.value.id in {"datetime", "date"}:
                yield f"{path}:{node.lineno}: {name} is pure and reads the clock"


def _imports(tree: ast.Module, names: set[str]) -> Iterator[tuple[ast.stmt, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield node, alias.name
        elif isinstance(node, ast.ImportFrom) and node.module:
            for alias in node.names:
                whole = f"{node.module}.{alias.name}"
                yield node, whole if whole in names else node.module


def _at_top_level(tree: ast.Module, node: ast.stmt) -> bool:
    return node in tree.body


def _is_pure(name: str) -> bool:
    return any(name == pure or name.startswith(pure + ".") for pure in PURE)


def _top(name: str) -> str:
    return name.split(".", 1)[0]


def _cycles(graph: dict[str, set[str]]) -> list[list[str]]:
    """Import cycles between modules (a package and its own modules are no cycle)."""
    found: list[list[str]] = []
    done: set[str] = set()

    def visit(name: str, path: list[str]) -> None:
        if name in path:
            found.append([*path[path.index(name) :], name])
            return
        if name in done:
            return
        for target in sorted(graph.get(name, ())):
            visit(target, [*path, name])
        done.add(name)

    for name in graph:
        visit(name, [])
    return found
