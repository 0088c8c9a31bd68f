"""How often Python looks for garbage in cycles, in a process that holds much and makes little of it.

Readings are freed by their counts alone. With Python's own thresholds the search for cycles walked
the registry, the rules' states and what the followers hold every few hundred messages: four tenths
of the watch's work, and more with each series.
"""

import gc

# So many more containers made than freed before the youngest are looked at; a batch holds eight. A look
# takes a millisecond while they are still in the processor's cache. With ten times as many it took
# forty, all of it with the lock: every alarm that came meanwhile waited.
YOUNG = 5_000
# So many looks at the younger before one at the older, which takes some tens of milliseconds: those
# are what waits for the store, and freed by their counts when it has taken them.
OLDER = 1_000
OLDEST = 10


def settle_garbage() -> None:
    """Look seldom from now on, and never again at what lives now; takes 0.1 s in a large cell."""
    gc.set_threshold(YOUNG, OLDER, OLDEST)
    gc.collect()
    gc.freeze()
