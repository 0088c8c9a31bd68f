"""What is remembered of one series: a ring of two values, and the two stretches in which it rests.

A stretch is kept by its beginning and its lowest and highest value: no window of readings. The
*run* holds what moved no further than the tolerance of a stuck sensor, the *calm* what swung less
than a living signal does. A run lies within its calm.
"""

from collector.quality.limits import NEVER, Limits

UNKNOWN = float("nan")
LEAST = 5  # readings in a run before it can be called stuck: two equal ones are a quiet afternoon


class Series:
    """``at_ms`` is the time of its newest reading, ``value`` the newest that is not withheld.

    A hot object: ``QualityControl.judge`` reads and writes it itself; there may be a hundred thousand,
    so what many have in common is in their limits. Before ``due_ms`` it can be neither stuck nor
    attenuated: a stretch that begins anew only puts that off, so it need not be reckoned with each
    value.
    """

    __slots__ = (
        "at_ms", "before", "calm_high", "calm_low", "calm_since_ms", "due_ms", "flat", "limits",
        "run_count", "run_high", "run_low", "run_since_ms", "value",
    )  # fmt: skip

    def __init__(self, limits: Limits) -> None:
        self.run_low = self.run_high = self.calm_low = self.calm_high = UNKNOWN
        self.run_since_ms = self.calm_since_ms = self.run_count = 0
        self.broke(0)
        self.fit(limits)

    def fit(self, limits: Limits) -> None:
        """From now on this is measured by these."""
        self.limits = limits
        self.flat, self.due_ms = 0, 0.0
        """``flat`` is the mark of the run that is under way, if it is called stuck."""
        # Where a test is off a value may rest as long as it likes.
        if min(limits.flat_ms, limits.calm_ms) == NEVER:
            self.run_low, self.run_high = -NEVER, NEVER
        elif self.run_low == -NEVER:
            self.run_low = self.run_high = UNKNOWN
        if limits.calm_ms == NEVER:
            self.calm_low, self.calm_high = -NEVER, NEVER
        elif self.calm_low == -NEVER:
            self.calm_low = self.calm_high = UNKNOWN

    @property
    def calm_due_ms(self) -> float:
        """When the calm that is under way has lasted too long."""
        return self.calm_since_ms + self.limits.calm_ms

    def broke(self, at_ms: int) -> None:
        """Nothing is known of the way to the next value: no step to it is judged."""
        self.at_ms = at_ms
        self.before = self.value = UNKNOWN

    def rest_anew(self) -> None:
        """Both stretches begin with the next value."""
        self.run_low = self.run_high = self.calm_low = self.calm_high = UNKNOWN
        self.fit(self.limits)

    def move(self, value: float, at_ms: int) -> None:
        """A value, taken into both stretches; one that it breaks begins anew with it."""
        low, high, limits = self.run_low, self.run_high, self.limits
        if low <= value <= high:
            self.run_count += 1
            return
        # Where nothing is known, both stay NaN and their span is within no tolerance.
        low, high = min(low, value), max(high, value)
        if high - low <= limits.tolerance:
            self.run_low, self.run_high = low, high
            self.run_count += 1
        else:
            self.run_low = self.run_high = value
            self.run_since_ms = at_ms
            self.run_count, self.flat = 1, 0
        low, high = self.calm_low, self.calm_high
        if low <= value <= high:
            return
        low, high = min(low, value), max(high, value)
        if high - low < limits.bounds.calm:
            self.calm_low, self.calm_high = low, high
        else:
            self.calm_low, self.calm_high = self.run_low, self.run_high
            self.calm_since_ms = self.run_since_ms
