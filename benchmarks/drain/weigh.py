"""What a live watch holds in memory, by the part that holds it: sizes counted object by object."""

import gc
import sys
from collections import Counter
from collections.abc import Sequence
from types import (
    BuiltinFunctionType,
    FrameType,
    FunctionType,
    MethodType,
    ModuleType,
)
from typing import Any

from alerts.rules.window import LeastInWindow, MeanInWindow, MedianInWindow, SumInWindow
from collector.stores import lines
from collector.watch import Watch

WINDOWS = "windows of rules"
RULES = "states of rules"
_WINDOWS = (LeastInWindow, MeanInWindow, MedianInWindow, SumInWindow)
_FOREIGN = frozenset({"_asyncio", "asyncio.events", "asyncio.unix_events", "logging", "threading"})
_ELSEWHERE = (type, ModuleType, FunctionType, BuiltinFunctionType, MethodType, FrameType)


def weigh(watch: Watch) -> dict[str, int]:
    """Bytes by part, largest first. What two parts hold is the first's: the registry comes first."""
    listening, engine = watch.listening, watch.judging.engine
    parts: list[tuple[str, object]] = [
        ("registry", (watch._known, engine.registry)),
        ("bindings of intake", listening.intake.bindings),
        ("ranges and newest of intake", listening.intake),
        ("roll of devices", listening.roll),
        ("receipts", listening.receipts),
        ("buckets of floods", listening._floods),
        ("entries kept for followers", [one._held for one in watch.followers.values()]),
        (RULES, engine),
        ("roll-up", watch.roll_up),
        ("journal", watch.journaling),
        ("orders and keys", (watch.commanding, watch.ordering)),
        ("operations", watch.operating),
        ("store", watch.store),
        ("the rest", watch),
    ]
    found = Counter(count(parts))
    # A cache of C cannot be walked: some 300 bytes a line's head (collector/stores/lines.py).
    found["heads of lines"] = lines._head.cache_info().currsize * 300
    return dict(found.most_common())


def count(parts: Sequence[tuple[str, object]]) -> dict[str, int]:
    """Bytes of what each part holds and no part before it."""
    seen = {id(parts)}
    found: Counter[str] = Counter()
    for name, root in parts:
        waiting: list[tuple[str, Any]] = [(name, root)]
        while waiting:
            part, one = waiting.pop()
            if id(one) in seen or isinstance(one, _ELSEWHERE) or type(one).__module__ in _FOREIGN:
                continue
            seen.add(id(one))
            if isinstance(one, _WINDOWS):
                part = WINDOWS
            found[part] += sys.getsizeof(one)
            waiting += [(part, inner) for inner in gc.get_referents(one)]
    return found
