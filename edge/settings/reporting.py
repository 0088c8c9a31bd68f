"""What the device answers to wishes: the last answer, said again on each connection."""

import logging
from collections.abc import Callable, Mapping, Sequence

from edge.contract.settings import Reported, SettingsState, Value, encode_reported
from edge.settings.kept import Kept

_log = logging.getLogger(__name__)


class Reporting:
    """``publish`` is where answers go."""

    def __init__(self) -> None:
        self.publish: Callable[[bytes], object] = lambda _: None
        self._answer: Reported | None = None

    def note(self, answer: Reported) -> None:
        """To be said at the next connection."""
        self._answer = answer

    def say(self, answer: Reported) -> None:
        self._answer = answer
        self.publish(encode_reported(answer))

    def refuse(self, revision: int, problems: Sequence[str], values: Mapping[str, Value]) -> None:
        """``values`` are in force instead."""
        for problem in problems:
            _log.warning("settings by wire: revision %d refused: %s", revision, problem)
        self.say(refusal(revision, problems, values))

    def again(self, found: Kept | None) -> None:
        """How it stands, so that a broker that has forgotten knows again."""
        if self._answer is None and found is not None:
            self._answer = standing(found)
        if self._answer is not None:
            self.publish(encode_reported(self._answer))


def standing(found: Kept) -> Reported:
    """How a kept wish stands."""
    return Reported(
        revision=found.wish.revision, state=found.state, problems=found.problems,
        values=found.layer.values,
    )  # fmt: skip


def refusal(
    revision: int, problems: Sequence[str], values: Mapping[str, Value] | None = None
) -> Reported:
    return Reported(
        revision=revision, state=SettingsState.REFUSED, problems=tuple(problems),
        values=values or {},
    )  # fmt: skip
