"""The watch, which dies (SIGKILL) when it comes to the point that CHAOS_POINT names; ``POINTS``."""

import os
import signal
from collections.abc import Callable
from functools import wraps
from typing import Any

from alerts.store.operations import Operations
from collector import watch

VARIABLE = "CHAOS_POINT"
POINTS = {
    "in-the-decision": ("_judge", "its incident and notices are written, and not committed"),
    "behind-the-decision": ("take", "they are committed, and the rules' snapshot is not saved"),
    "in-the-climb": ("_climb_on", "the next tier's notices are written, and not committed"),
    "behind-the-climb": ("climb", "the next tier's notices are committed, and nothing is sent"),
    "in-the-settling": ("_heard", "a notice is accepted, and that is not committed"),
    "behind-the-settling": ("settle", "a notice is accepted, and the tier's wait counts"),
}
"""By name: the method of ``Operations`` at whose end it dies, and what stands then."""


class Mortal(Operations):
    """Dies at the end of one call; of ``take`` and ``climb`` at one that did something."""


def _fatal(method: Callable[..., Any], name: str) -> Callable[..., Any]:
    @wraps(method)
    def fatal(self: Mortal, *args: Any, **kwargs: Any) -> Any:
        answer = method(self, *args, **kwargs)
        did_something = bool(args[0]) if name == "take" else name != "climb" or answer
        if did_something:
            os.kill(os.getpid(), signal.SIGKILL)
        return answer

    return fatal


if __name__ == "__main__":
    if point := os.environ.get(VARIABLE):
        method, _ = POINTS[point]
        setattr(Mortal, method, _fatal(getattr(Operations, method), method))
    watch.Operations = Mortal  # type: ignore[attr-defined]
    raise SystemExit(watch.main())
