"""Announcer: a notice is said aloud by a device, until somebody presses its button or has it.

The address is ``site/device``. Accepted means that the device says it is announcing, not that
anybody hears it.
"""

from alerts.notify.notice import Notice, NoticeReason
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.notify.port import Speaker, Unfit, Unheard
from alerts.speech import by_language
from alerts.words import NIGHT_CLASSES
from edge.contract.command import STALE, Result, Verb
from edge.contract.ids import is_id

# What happened meanwhile is over, or somebody has it: nothing to call out.
_SILENCE = frozenset({NoticeReason.HUSHED, NoticeReason.RECOVERED, NoticeReason.CLOSED})


class Announcer:
    """The channel ``announcer``: ``announce`` and ``hush`` by a ``Speaker``."""

    def __init__(self, speaker: Speaker) -> None:
        self._speaker = speaker

    async def send(self, notice: Notice) -> Outcome:
        site, _, device = notice.address.to.partition("/")
        if not (is_id(site) and is_id(device)):
            return Rejected(f"{notice.address.to[:100]!r} is no announcer; write site/device")
        target = str(notice.incident)
        if notice.reason in _SILENCE:
            return _hushed(await self._speaker.command(site, device, Verb.HUSH, target))
        answer = await self._speaker.command(
            site,
            device,
            Verb.ANNOUNCE,
            target,
            texts=by_language(notice.text),
            # To look again is asked once; a danger is repeated until somebody takes it over.
            is_urgent=notice.cls in NIGHT_CLASSES and notice.reason is not NoticeReason.SECOND_LOOK,
        )
        return _announced(answer)

    async def close(self) -> None:
        """The link is not ours."""


def _announced(answer: Result | Unheard | Unfit) -> Outcome:
    match answer:
        case Unheard(why=why):
            return Retry(why)
        case Unfit(why=why):
            return Rejected(why)
    if answer.is_done:
        return Accepted(answer.reason or "done, says the device")
    if answer.reason == STALE:
        return Retry(f"the device: {answer.reason}")
    return Rejected(f"the device refuses: {answer.reason or 'no reason given'}")


def _hushed(answer: Result | Unheard | Unfit) -> Outcome:
    """A device that refuses to hush announces nothing, by its own word: nothing to repeat."""
    outcome = _announced(answer)
    if isinstance(answer, Result) and isinstance(outcome, Rejected):
        return Accepted(outcome.why)
    return outcome
