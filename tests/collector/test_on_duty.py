"""The house says when nobody answers for a post, and takes it back."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import cast

from alerts.incidents.roster import Roster
from collector.house import House
from collector.on_duty import OnDuty
from collector.operating import Operating
from edge.clock import Clock
from tests.alerts.incidents.community import GUARD, NOW, REGISTRY


class Answering:
    """As much of ``Operating`` as is asked."""

    def __init__(self) -> None:
        self.registry = REGISTRY

    async def roster(self) -> Roster:
        return Roster(registry=self.registry)


async def test_a_post_that_nobody_answers_for_is_a_figure_of_the_house():
    operating, house = Answering(), House()
    house.use(REGISTRY)
    clock = Clock(datetime.now(UTC).timestamp(), NOW.timestamp(), 1.0)
    on_duty = OnDuty(cast(Operating, operating), clock)
    now_ms = int(NOW.timestamp() * 1000)
    assert on_duty.figures(house, now_ms) == []
    phoneless = replace(GUARD, addresses=())
    operating.registry = replace(
        REGISTRY, people=tuple(phoneless if p.id == "guard" else p for p in REGISTRY.people)
    )
    values = []
    for minute in range(2):
        await on_duty.look()
        ((_, batch),) = on_duty.figures(house, now_ms + minute * 60_000)
        values.append(batch.value[0])
        operating.registry = REGISTRY
    assert values == [2.0, 1.0]  # one has no address at all
