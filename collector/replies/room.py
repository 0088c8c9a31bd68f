"""What somebody says in a chat becomes an act of that person, and is answered in his language."""

import logging
from collections import OrderedDict
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Protocol, TypeVar

from alerts.incidents.acts import Conflict, Done, Result
from alerts.incidents.model import Incident, State
from alerts.messages import Spoken, headline
from alerts.registry.model import ChannelKind, Person, Registry
from alerts.secrets import SecretError, resolve
from alerts.words import Language
from collector.replies.port import Said
from collector.replies.understanding import Take, understood
from collector.replies.words import Answers, answers

log = logging.getLogger("collector.replies")

LISTED = 5
REMEMBERED = 1_000  # messages; a chat says one again for some minutes while it hears no answer

_T = TypeVar("_T")


class Operations(Protocol):
    """What of ``alerts.store.operations.Operations`` is needed here."""

    def registry(self) -> Registry: ...
    def calls(self, person: str) -> Sequence[Incident]: ...
    def acknowledge(self, incident_id: int, who: str, origin: str, now: datetime) -> Result: ...


class Ask(Protocol):
    async def __call__(self, work: Callable[[], _T]) -> _T:
        """``work``'s answer from the database's thread, asked until the database is there."""
        ...


class Replies:
    """``hear`` is what the lines are given."""

    def __init__(
        self,
        operations: Operations,
        ask: Ask,
        rule: Callable[[str], Spoken | None],
        now: Callable[[], datetime],
        acted: Callable[[], None],
    ) -> None:
        self._operations = operations
        self._ask = ask
        self._rule = rule
        self._now = now
        self._acted = acted
        self._answered: OrderedDict[tuple[ChannelKind, str], str] = OrderedDict()

    async def hear(self, said: Said) -> str:
        """The words of the answer. A message that is said again is answered, not acted on, again."""
        key = said.channel, said.id
        if key not in self._answered:
            words = await self._ask(lambda: self._act(said))
            self._answered[key] = words
            if len(self._answered) > REMEMBERED:
                self._answered.popitem(last=False)
        return self._answered[key]

    def _act(self, said: Said) -> str:
        registry = self._operations.registry()
        person = person_of(said, registry)
        facts = {"channel": said.channel.value}
        if person is None:
            log.warning("somebody who is not registered wrote to us", extra={"facts": facts})
            return "\n".join(
                answers(language).stranger.format(account=said.account) for language in Language
            )
        words = answers(person.language)
        wish = Take(said.incident) if said.incident is not None else understood(said.text)
        if wish is None:
            return words.help
        calls = self._operations.calls(person.id)
        found = _meant(wish, calls)
        if isinstance(found, str):
            return self._which(found, wish, calls, words, person, registry)
        origin = f"{said.channel.value}:{said.account}"
        result = self._operations.acknowledge(found.id, person.id, origin, self._now())
        if isinstance(result, Done):
            log.info("taken over in a chat", extra={"facts": facts | {"incident": found.id}})
            self._acted()
            return words.taken.format(what=self._what(result.incident, registry, person))
        if not isinstance(result, Conflict):
            return result.reason.text(person.language)
        now = result.current
        what = self._what(now, registry, person)
        if now.state in (State.OPEN, State.ACKNOWLEDGED):
            who = next((p.name for p in registry.people if p.id == now.acknowledged_by), "")
            return words.theirs.format(who=who or now.acknowledged_by, what=what)
        return words.over.format(what=what)

    def _which(
        self,
        why: str,
        wish: Take,
        calls: Sequence[Incident],
        words: Answers,
        person: Person,
        registry: Registry,
    ) -> str:
        if why == "nothing":
            return words.nothing
        if why == "not-called":
            return words.not_called.format(id=wish.incident)
        waiting = [call for call in calls if call.state is State.OPEN]
        lines = [
            words.one.format(id=call.id, what=self._what(call, registry, person))
            for call in waiting[:LISTED]
        ]
        return words.which.format(n=len(waiting), list="\n".join(lines))

    def _what(self, incident: Incident, registry: Registry, person: Person) -> str:
        head = headline(self._rule(incident.words_of), incident, registry, person.language)
        between = "：" if person.language is Language.ZH else ": "
        return f"{head.mark}{head.where}{between}{head.name}"


def _meant(wish: Take, calls: Sequence[Incident]) -> Incident | str:
    """The incident of these calls, or why none: ``nothing``, ``which``, ``not-called``."""
    if wish.incident is not None:
        return next((call for call in calls if call.id == wish.incident), "not-called")
    waiting = [call for call in calls if call.state is State.OPEN]
    if len(waiting) > 1:
        return "which"
    return waiting[0] if waiting else calls[0] if calls else "nothing"


def person_of(said: Said, registry: Registry) -> Person | None:
    """Whose account this is; a group's is nobody's."""
    for person in registry.people:
        for address in person.addresses:
            if address.channel is said.channel and not address.group:
                try:
                    if resolve(address.to).reveal() == said.account:
                        return person
                except SecretError:
                    continue
    return None
