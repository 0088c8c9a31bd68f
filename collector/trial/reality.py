"""What did ring: incidents and transitions of the operations database."""

from collections.abc import Iterator

from alerts.incidents.model import Incident
from alerts.replay import episodes
from alerts.rules.transition import Transition
from alerts.store.operations import Operations
from alerts.trial.matching import Did, dids
from alerts.trial.span import Span
from collector.commands import common
from collector.config import Config
from collector.trial.call import has_operations

AT_ONCE = 1000  # rows


def rang(config: Config, span: Span) -> list[Did] | None:
    """What rang in the span; None for a journal from elsewhere, with no database beside it."""
    if not has_operations(config):
        return None
    with common.known_operations(config) as operations:
        found = dids(episodes(_transitions(operations)), _incidents(operations))
    return [one for one in found if span.meets(one.raised_ms, one.cleared_ms)]


def said(config: Config, journal: str) -> list[Transition] | None:
    """What the rules said then of this journal."""
    if not has_operations(config):
        return None
    with common.known_operations(config) as operations:
        return [one for one in _transitions(operations) if one.journal == journal]


def _incidents(operations: Operations) -> Iterator[Incident]:
    before: int | None = None
    while found := operations.incidents(before=before, limit=AT_ONCE):
        yield from found
        before = found[-1].id


def _transitions(operations: Operations) -> Iterator[Transition]:
    after = 0
    while found := operations.transitions(after=after):
        yield from found
        after += len(found)
