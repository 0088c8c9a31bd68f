"""A running watch reminds of a second look, and once, though it is killed in between."""

import time
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import pytest

from alerts.notify.notice import NoticeReason, NoticeState
from alerts.packs import shipped
from alerts.registry.model import Address, ChannelKind, Person, PostRole, Tier, Tiers
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change, Transition
from alerts.store.operations import Operations
from alerts.words import IncidentClass, Severity
from edge.clock import Clock
from edge.contract.subject import Subject
from tests.collector.village import PLACE, REGISTRY, SITE, Process, settle, until

pytestmark = pytest.mark.timeout(180)

OPENED = datetime(2026, 5, 3, 16, 30, tzinfo=UTC)  # half past midnight in Shanghai
HALF, MOST = OPENED + timedelta(hours=12), OPENED + timedelta(hours=19.2)
MINUTE_S = 60.0
LI = Person(
    id="li",
    site=SITE,
    name="李社区",
    role=PostRole.COMMUNITY_CHIEF,
    addresses=(Address(channel=ChannelKind.LOG, to="li"),),
)


def says(change: Change, position: int) -> Transition:
    at_ms = int(OPENED.timestamp() * 1000)
    return Transition(
        rule="riv-do-low",
        subject=Subject.of_place(SITE, PLACE),
        journal="before",
        position=position,
        nth=0,
        change=change,
        cls=IncidentClass.POLLUTION,
        severity=Severity.MAJOR,
        at_ms=at_ms,
        since_ms=at_ms,
        seen_ms=at_ms,
        place=PLACE,
        metric="do",
        value=1.5,
    )


def from_there(at: datetime) -> Clock:
    """A house minute passes in a second."""
    return Clock(time.time(), at.timestamp(), MINUTE_S)


async def test_a_watch_reminds_at_half_and_at_80_percent_and_a_kill_repeats_nothing(
    tmp_path: Path,
) -> None:
    steps = (Tier(role=PostRole.COMMUNITY_CHIEF),)
    registry = replace(
        REGISTRY,
        people=(*REGISTRY.people, LI),
        tiers=(Tiers(kind=REGISTRY.tiers[0].kind, steps=steps),),
    )
    config = settle(tmp_path, "mqtt://127.0.0.1:1", registry=registry)
    with Operations(f"sqlite:///{tmp_path / 'state' / 'operations.db'}") as operations:
        packs = read_packs(shipped())
        operations.take([says(Change.RAISED, 1), says(Change.CLEARED, 2)], packs, OPENED)

        def reminded() -> list[tuple[str, NoticeState]]:
            return [
                (one.person, one.state)
                for one in operations.notices()
                if one.reason is NoticeReason.REMINDER
            ]

        def is_so(wanted: list[tuple[str, NoticeState]]) -> bool:
            return reminded() == wanted

        taken = ("li", NoticeState.ACCEPTED)
        for begin, all_of_them in ((HALF, [taken]), (MOST, [taken, taken])):
            watch = Process(config, from_there(begin - timedelta(minutes=1)))
            watch.start()
            try:
                await until(partial(is_so, all_of_them))
            finally:
                watch.kill()
        lines = [s.facts for s in operations.story(1) if s.facts.get("reason") == "reminder"]
    assert lines == [{"reason": "reminder", "duty": "second-look", "people": "li"}] * 2
