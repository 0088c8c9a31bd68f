"""Entries of a trial: points of every store merged by time, and journals as they are."""

import asyncio
from collections.abc import Callable
from itertools import pairwise

import pytest

from alerts.registry.model import PlaceKind
from alerts.rules.inputs import PacksRevised, RegistryRevised, Tick
from collector import records
from collector.stores.embedded import EmbeddedStore
from collector.stores.influx import InfluxStore
from collector.stores.port import Series, Store
from collector.stores.retention import Retention
from collector.trial.sources import JournalEntries, StoreReadings
from edge.contract.quality import Quality
from edge.journal.journal import Journal
from edge.journal.rows import Row
from tests.alerts.rules.worlds import PACKS, registry
from tests.collector.stores.batches import MINUTE, NH3N, NOON, PH, SITE, batch
from tests.collector.stores.real import settings_of

FOR_EVER = Retention(points=None, minutes=None, hours=None)
OTHER = Series(SITE, "sonde-2", "bridge", "", "ph")
KINDS = [
    "embedded",
    pytest.param("influxdb_server", marks=pytest.mark.influxdb),
    pytest.param("influxdb1_server", marks=pytest.mark.influxdb1),
]


@pytest.fixture(params=KINDS)
def opened(request, tmp_path) -> Callable[[], Store]:
    """Opens the same store again and again; it holds three series."""
    if request.param == "embedded":

        def make() -> Store:
            return EmbeddedStore(tmp_path / "s.db", retention=FOR_EVER)
    else:
        settings = settings_of(request.getfixturevalue(request.param))

        def make() -> Store:
            return InfluxStore(settings, retention=FOR_EVER)

    async def fill() -> None:
        store = make()
        await store.set_up()
        rows: list[tuple[Series, int, float | None, Quality]] = [
            (PH, NOON + n * MINUTE, 7 + n / 100, Quality.GOOD) for n in range(10)
        ]
        rows += [(NH3N, NOON + n * MINUTE, None, Quality.MISSING) for n in range(0, 10, 3)]
        await store.write([batch(rows)])
        late = [(OTHER, NOON + (90 + n) * MINUTE, 8.0, Quality.SUSPECT) for n in range(3)]
        await store.write([batch(late)])
        await store.close()

    asyncio.run(fill())
    return make


@pytest.mark.timeout(120)
def test_points_come_in_the_order_of_time_however_small_the_pages(opened) -> None:
    found = []
    for page in (1, 4, 1000):
        with StoreReadings(opened(), page=page) as store:
            series = store.series([SITE])
            assert set(series) == {PH, NH3N, OTHER}
            readings, early = store.readings(series, NOON, NOON + 92 * MINUTE)
            found.append(list(readings))
            assert early == {(SITE, "sonde-1")}, "the other says nothing in the first hour"
    assert found[0] == found[1] == found[2]
    assert len(found[0]) == 10 + 4 + 2, "the end is not included"
    assert all(one.at_ms <= other.at_ms for one, other in pairwise(found[0]))
    assert {one.quality for one in found[0] if one.metric == "nh3n"} == {int(Quality.MISSING)}


def test_what_a_journal_lost_with_its_head_is_given_and_what_it_has_is_not(tmp_path) -> None:
    world = registry(PlaceKind.REACH, "do")
    path = tmp_path / "journal.db"
    with Journal(path) as journal:
        journal.append([records.row(1000 + n, Tick()) for n in range(3)])
        journal.append([Row(at_ms=1003, kind="of-tomorrow", count=0, body=b"?")])
        journal.append([records.row(1004, Tick())])
        journal.commit()
    one = JournalEntries(path)
    assert (one.first_ms, one.last_ms, one.registry()) == (1000, 1004, None)
    whats = [(entry.position, type(entry.what)) for entry in one.entries(world, PACKS)]
    assert whats[:3] == [(-1, RegistryRevised), (0, PacksRevised), (1, Tick)]
    assert (len(whats), one.unreadable) == (6, 1)
    one.close()
    with Journal(path) as journal:
        journal.append([records.row(1005, RegistryRevised(world))])
        journal.append([records.row(1005, PacksRevised(PACKS))])
        journal.commit()
    two = JournalEntries(path)
    assert two.registry() == world
    assert next(two.entries(world, PACKS)).what == Tick()
    two.close()
