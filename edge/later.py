"""Load a module only when it is first used, for a library that imports more than it needs."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from types import ModuleType
from typing import Any


class _Later(ModuleType):
    """Stands where the module's parent holds it; the module itself takes its place when it comes."""

    def __getattr__(self, name: str) -> Any:
        if sys.modules.get(self.__name__) is self:
            del sys.modules[self.__name__]
        return getattr(import_module(self.__name__), name)


@contextmanager
def later(parent: ModuleType, name: str) -> Iterator[None]:
    """What is imported meanwhile gets ``parent.name`` when it asks it for something.

    Whoever imports it afterwards gets it at once, as always. For one thread, while the program starts.
    """
    full = f"{parent.__name__}.{name}"
    if full in sys.modules:
        yield
        return
    stand_in = _Later(full)
    sys.modules[full] = stand_in
    setattr(parent, name, stand_in)
    try:
        yield
    finally:
        if sys.modules.get(full) is stand_in:
            del sys.modules[full]
