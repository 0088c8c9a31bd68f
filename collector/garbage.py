"""How often Python looks for garbage in cycles, in a process that holds much and makes little of it.

Readings are freed by their counts alone. With Python's own thresholds the search for cycles walked
the registry, the rules' states and what the followers hold every few hundred messages: four tenths
of the watch's work, and more with each series.
"""

import gc

# So many more containers made than freed before the youngest are looked at; a batch holds dozens.
YOUNG = 50_000
# So many looks at the younger before one at the older: some millions of containers apart.
OLDER = 20
OLDEST = 50


def settle_garbage() -> None:
    """Look seldom from now on, and never again at what lives now; takes 0.1 s in a large cell."""
    gc.set_threshold(YOUNG, OLDER, OLDEST)
    gc.collect()
    gc.freeze()
