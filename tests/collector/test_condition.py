"""The condition of the house: what is found, what is told of it, and who hears of it."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from alerts.notify.outcome import Accepted, Outcome, Retry
from alerts.packs import shipped
from alerts.registry.model import ChannelKind, Person, PostRole
from alerts.replay import replay
from alerts.rules.inputs import Tick, What
from alerts.rules.packs import Packs, read_packs
from alerts.rules.transition import Change, Transition
from alerts.store.errors import StoreUnavailable
from alerts.store.operations import Operations
from collector.condition import CALM_MOST, Clocks, Condition, Lasting
from collector.health import DeviceSeen
from collector.house import REST_MS, House
from collector.operating import Operating
from collector.writer import Writer
from edge.clock import Clock
from edge.contract.metrics import METRICS
from edge.contract.reading import Batch
from tests.alerts.rules import worlds
from tests.collector.stores.batches import NOON
from tests.collector.test_writer import FakeFollower, FlakyStore, reading
from tests.collector.village import REGISTRY

SOON_S = 20.0
FOREVER = 10**9
ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Lag:
    """A consumer that is so far behind."""

    ms: int = 0

    def lag_ms(self, now_ms: int) -> int:
        return self.ms


@dataclass
class Channel:
    """Answers every notice with ``outcome``."""

    outcome: Outcome = field(default_factory=Accepted)

    async def send(self, notice: object) -> Outcome:
        return self.outcome

    async def close(self) -> None: ...


class World:
    """A house whose store, clocks and channel are the test's to break."""

    def __init__(self, folder: Path) -> None:
        self.now_s = 1_000.0
        self.store = FlakyStore(folder / "store.db")
        self.follower = FakeFollower([reading(1, NOON)], keep_open=True)
        self.writer = Writer(self.follower, self.store, sleep=self._pause)
        self.lags = {"rules": Lag(), "store": Lag()}
        self.channel = Channel()
        self.operations = Operations(f"sqlite:///{folder / 'operations.db'}")
        self.operating = Operating(
            self.operations,
            {ChannelKind.LOG: self.channel},
            Clock(),
            self.operations.lease("house", "journal"),
        )
        self.condition = Condition(
            self.writer,
            lambda: self.writer.why,
            self.lags,
            self.operating,
            folder,
            Clock(),
            now_s=lambda: self.now_s,
        )
        self.house = House()
        self.house.use(worlds.registry())
        self.devices: tuple[DeviceSeen, ...] = ()

    async def _pause(self, seconds: float) -> None:
        await asyncio.sleep(0)

    def minute(self, at_ms: int) -> list[tuple[int, What]]:
        """What the house journals in one minute: its figures, and the tick behind them."""
        said: list[tuple[int, What]] = []
        said += self.condition.figures(self.house, self.devices, at_ms)
        return [*said, (at_ms, Tick())]


@pytest.fixture
async def world(tmp_path) -> AsyncIterator[World]:
    made = World(tmp_path)
    yield made
    await made.operating.close()
    await made.store.close()


def told(said: Sequence[tuple[int, What]], name: str) -> list[float]:
    return [
        batch.value[0] or 0.0
        for _, batch in said
        if isinstance(batch, Batch) and batch.metric == [name]
    ]


def transitions(said: Sequence[tuple[int, What]]) -> list[Transition]:
    return replay(worlds.journal(worlds.registry(), dict(shipped()), said))


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(SOON_S):
        while not is_so():  # noqa: ASYNC110 - a fake has no event
            await asyncio.sleep(0.01)


@contextlib.asynccontextmanager
async def running(*works: asyncio.Task[None]) -> AsyncIterator[None]:
    try:
        yield
    finally:
        for work in works:
            work.cancel()
        await asyncio.gather(*works, return_exceptions=True)


async def test_a_store_that_is_away_for_ten_minutes_rings_until_it_is_back(world):
    world.store.fails = FOREVER
    said = world.minute(worlds.T0)
    async with running(asyncio.create_task(world.writer.run())):
        await until(lambda: bool(world.writer.why))
        for n in range(1, 16):
            if n == 13:
                world.store.fails = 0
                await until(lambda: world.writer.position == 1)
            said += world.minute(worlds.T0 + n * REST_MS)
            world.now_s += 60.0
    assert told(said, "store-away") == [*range(12), 0]
    raised, cleared = [one for one in transitions(said) if one.rule == "house-store-away"]
    assert (str(raised.subject), raised.value) == (f"cell:{worlds.SITE}/server", 11.0)
    assert cleared.change is Change.CLEARED


async def test_a_store_that_is_only_tried_again_is_still_away(world):
    whys = iter(["", "no connection", "", "no connection", ""])
    condition = world.condition
    condition._store_why = lambda: next(whys)
    away_s = []
    for _ in range(4):
        away_s.append(condition.store_away_s)
        world.now_s += 60.0
    assert away_s == [0.0, 0.0, 60.0, 120.0]
    world.writer.position += 1
    assert condition.store_away_s == 0.0


async def test_the_slowest_consumer_is_told_and_what_waits_for_the_store_is_not(world):
    world.lags["rules"].ms, world.lags["store"].ms = 20_000, 900_000
    assert told(world.minute(worlds.T0), "consumer-lag") == [900]
    world.condition._store_why = lambda: "no connection"
    assert told(world.minute(worlds.T0 + REST_MS), "consumer-lag") == [20]


async def test_a_consumer_that_lags_for_five_minutes_rings(world):
    said: list[tuple[int, What]] = []
    for n in range(12):
        world.lags["rules"].ms = 400_000 + n * 1_000 if n > 1 else 0
        said += world.minute(worlds.T0 + n * REST_MS)
    (raised,) = [one for one in transitions(said) if one.rule == "house-consumer-lag"]
    assert raised.at_ms == worlds.T0 + 7 * REST_MS


async def test_notices_that_do_not_go_out_are_told_and_the_engineer_hears_of_it(world):
    engineer = Person(
        id="xiao-lin",
        site=worlds.SITE,
        name="小林",
        role=PostRole.ENGINEER,
        addresses=(REGISTRY.people[0].addresses[0],),
    )
    registry = worlds.registry()
    registry = type(registry)(
        sites=registry.sites, places=registry.places, devices=registry.devices, people=(engineer,)
    )
    packs: Packs = read_packs(shipped())
    said: list[tuple[int, What]] = []
    world.channel.outcome = Retry("no network")
    tasks = [asyncio.create_task(world.operating.open())]
    async with running(*tasks):
        await world.operating.keep_asking(
            lambda: world.operations.save_registry(registry, "t", "t", Clock().now())
        )
        tasks.append(asyncio.create_task(world.operating.dispatch()))
        await world.condition.look_at_outbox()
        assert world.condition.outbox_seen().stuck_s == 0.0
        # Any incident of the cell: its notice waits in vain.
        world.condition._store_why = lambda: "no connection"
        for n in range(30):
            await world.condition.look_at_outbox()
            said += world.minute(worlds.T0 + n * REST_MS)
            world.now_s += 60.0
            if n == 12:
                opened = [one for one in transitions(said) if one.rule == "house-store-away"]
                await world.operating.take(opened, packs)
                await until(lambda: world.operating.attempts["retry"] > 0)
        seen = world.condition.outbox_seen()
        assert (seen.waiting, seen.retrying, seen.stuck_s > 600) == (0, 1, True)
        (raised,) = [one for one in transitions(said) if one.rule == "house-outbox-stuck"]
        assert raised.value == 11.0
        world.channel.outcome = Accepted()
        await world.operating.take([raised], packs)
        await until(lambda: world.operating.attempts["accepted"] > 0)
        await world.condition.look_at_outbox()
        assert world.condition.outbox_seen().stuck_s == 0.0
        notices = world.operations.notices()
        assert ("xiao-lin", "opened") in {(one.person, one.reason.value) for one in notices}
        assert any("通知" in one.text for one in notices)


async def test_the_disk_of_the_state_folder_is_weighed(world, tmp_path):
    assert told(world.minute(worlds.T0), "server-disk-free") == []
    world.condition.weigh()
    free, size = world.condition.disk_free_bytes, world.condition.disk_bytes
    assert free is not None
    assert size is not None
    assert size > free > 0
    (free_mb,) = told(world.minute(worlds.T0 + REST_MS), "server-disk-free")
    assert free_mb == pytest.approx(free / 1e6, abs=1)


async def test_the_loop_is_told_by_its_worst_since_it_was_told_last(world):
    world.condition.note_loop(0.020)
    world.condition.note_loop(0.003)
    assert told(world.minute(worlds.T0), "loop-lag") == [20]
    world.condition.note_loop(0.030)
    assert told(world.minute(worlds.T0 + 5_000), "loop-lag") == []
    world.condition.note_loop(0.004)
    assert told(world.minute(worlds.T0 + REST_MS), "loop-lag") == [30]
    assert told(world.minute(worlds.T0 + 2 * REST_MS), "loop-lag") == [0]


async def test_the_delay_to_the_store_is_that_of_the_last_minute(world):
    assert told(world.minute(worlds.T0), "store-delay") == []  # nothing was stored
    world.writer.delays.note(0.25, 100)
    (first_s,) = told(world.minute(worlds.T0 + REST_MS), "store-delay")
    assert 0.2 < first_s <= 0.3
    world.writer.delays.note(4.0)
    (second_s,) = told(world.minute(worlds.T0 + 2 * REST_MS), "store-delay")
    assert 2.0 < second_s <= 5.0


def test_the_house_has_a_row_in_the_catalogue_for_all_it_says():
    page = (ROOT / "docs/house.md").read_text("utf-8")
    assert [name for name, one in METRICS.items() if one.by_house and f"`{name}`" not in page] == []


def box(skew_s: float | None, name: str = "box") -> DeviceSeen:
    return DeviceSeen(site=worlds.SITE, device=name, skew_s=skew_s)


def test_a_clock_that_is_off_is_told_until_it_is_right_and_a_right_one_once():
    clocks, house = Clocks(), House()
    house.use(worlds.registry())
    said: list[tuple[int, What]] = []
    for n, skew_s in enumerate([None, -0.2, -0.3, 200.0, 200.4, 3.0, -0.1, -0.1]):
        said += clocks.figures(house, [box(skew_s)], worlds.T0 + n * 300_000)
    assert told(said, "clock-skew") == [0, 200, 200, 3]
    ringing = [(one.change, str(one.subject)) for one in transitions(said)]
    subject = f"device:{worlds.SITE}/{worlds.DEVICE}"
    assert ringing == [(Change.RAISED, subject), (Change.CLEARED, subject)]


def test_after_a_start_many_right_clocks_are_told_bit_by_bit():
    clocks, house = Clocks(), House()
    house.use(worlds.registry())
    boxes = [box(0.1, f"box-{n}") for n in range(CALM_MOST + 5)]
    looks = [len(clocks.figures(house, boxes, worlds.T0 + n * 5_000)) for n in range(3)]
    assert looks == [CALM_MOST, 5, 0]


def test_how_long_something_lasts_counts_from_when_it_was_seen():
    now_s = [10.0]
    lasting = Lasting(lambda: now_s[0])
    assert lasting.look(False) == 0.0
    assert lasting.look(True) == 0.0
    now_s[0] = 15.0
    assert (lasting.lasted_s, lasting.look(True)) == (5.0, 5.0)
    assert lasting.look(False) == 0.0


async def test_while_the_operations_database_is_away_what_is_stuck_stays_so(world):
    world.condition._stuck.look(True)
    world.now_s += 700.0

    def away(now: object) -> None:
        raise StoreUnavailable("locked")

    world.operations.unsent = away
    opening = asyncio.create_task(world.operating.open())
    looking = asyncio.create_task(world.condition.look_at_outbox())
    async with running(opening, looking):
        await until(lambda: world.operating.why == "locked")
        assert world.condition.outbox_seen().stuck_s == 700.0
