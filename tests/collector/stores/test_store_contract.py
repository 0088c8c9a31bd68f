"""What every store promises, held against each of them."""

from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

import pytest

from collector.stores.embedded import EmbeddedStore
from collector.stores.forwarding import ForwardingStore
from collector.stores.influx import InfluxStore
from collector.stores.kinds import InfluxSettings, Kind
from collector.stores.port import Buckets, Level, Point, Series, Store, Touched
from collector.stores.retention import Retention
from edge.contract.quality import Check, Quality
from tests.collector.stores.batches import (
    DAY,
    DEVICE,
    HOUR,
    MINUTE,
    NH3N,
    NOON,
    PH,
    PLACE,
    SITE,
    Row,
    amendment,
    batch,
    good,
)
from tests.collector.stores.influx3 import influx3
from tests.collector.stores.real import settings_of

FOR_EVER = Retention(points=None, minutes=None, hours=None)
INFLUXDB, INFLUXDB1 = pytest.mark.influxdb, pytest.mark.influxdb1
KINDS = [
    "embedded",
    pytest.param("influx", marks=INFLUXDB),
    pytest.param("influx-per-site", marks=INFLUXDB),
    pytest.param("influx1", marks=INFLUXDB1),
    pytest.param("influx1-per-site", marks=INFLUXDB1),
    "influx3",
    pytest.param("victoria", marks=pytest.mark.victoria),
]


@pytest.fixture(params=KINDS)
async def store(request, tmp_path) -> AsyncIterator[Store]:
    async with AsyncExitStack() as stack:
        made: Store
        kind, _, per_site = request.param.partition("-")
        path = tmp_path / "store.sqlite3"
        if kind == "embedded":
            made = EmbeddedStore(path, retention=FOR_EVER)
        elif kind == "influx3":
            server = await stack.enter_async_context(influx3())
            settings = InfluxSettings(
                kind=Kind.INFLUX3, url=server.url, bucket="b", token=server.token
            )
            made = ForwardingStore(path, settings, retention=FOR_EVER)
        elif kind == "victoria":
            url = request.getfixturevalue("victoria_server").url
            settings = InfluxSettings(kind=Kind.VICTORIA, url=url, bucket=tmp_path.name)
            made = ForwardingStore(path, settings, retention=FOR_EVER)
        else:
            name = "influxdb_server" if kind == "influx" else "influxdb1_server"
            settings = settings_of(request.getfixturevalue(name), bool(per_site))
            made = InfluxStore(settings, retention=FOR_EVER)
        await made.set_up()
        yield made
        await made.close()


def whole(found: Buckets) -> list[tuple[int, float, float, float, int, int]]:
    """The buckets as rows, means rounded."""
    mean = [round(value, 6) for value in found.mean]
    return list(
        zip(found.at_ms, found.min, mean, found.max, found.count, found.suspect, strict=True)
    )


async def test_set_up_may_be_called_at_each_start(store):
    await store.write([good(PH, (NOON, 7.1))])
    await store.set_up()
    assert await store.count() == 1


async def test_an_empty_store_answers_with_nothing(store):
    assert await store.count() == 0
    assert await store.latest(SITE) == []
    assert await store.series(SITE) == []
    assert len(await store.points(PH, 0, NOON)) == 0
    assert len(await store.buckets(PH, NOON, NOON + DAY, 100)) == 0


async def test_points_come_back_as_columns_in_order_of_time(store):
    kept = await store.write([good(PH, (NOON + 2, 7.2), (NOON, 7.0)), good(PH, (NOON + 1, 7.1))])
    found = await store.points(PH, NOON, NOON + 3)
    assert kept == 3
    assert found.at_ms == [NOON, NOON + 1, NOON + 2]
    assert found.value == [7.0, 7.1, 7.2]
    assert found.quality == [Quality.GOOD] * 3


async def test_a_span_holds_its_beginning_and_not_its_end(store):
    await store.write([good(PH, (NOON, 1.0), (NOON + 10, 2.0))])
    assert (await store.points(PH, NOON, NOON + 10)).at_ms == [NOON]


async def test_what_the_house_says_is_kept_and_not_counted(store):
    own = Series(SITE, DEVICE, "", "", "lost-share")
    await store.write([good(PH, (NOON, 7.1)), batch([(own, NOON, 2.0, Quality.GOOD)])])
    assert (await store.points(own, NOON, NOON + 1)).value == [2.0]
    assert await store.count() == 1


async def test_points_stop_at_the_most_that_was_asked_for(store):
    await store.write([good(PH, *((NOON + i, float(i)) for i in range(10)))])
    assert (await store.points(PH, NOON, NOON + DAY, 4)).value == [0.0, 1.0, 2.0, 3.0]


async def test_the_same_point_twice_is_one_point(store):
    same = good(PH, (NOON, 7.1), (NOON + 1, 7.2))
    await store.write([same])
    await store.write([same, same])
    assert await store.count() == 2


async def test_a_point_that_is_judged_anew_is_still_one_point(store):
    await store.write([good(PH, (NOON, 7.1))])
    await store.write([batch([(PH, NOON, 7.1, Quality.SUSPECT)])])
    assert (await store.points(PH, NOON, NOON + 1)).quality == [Quality.SUSPECT]
    assert await store.count() == 1


async def test_a_missing_reading_is_a_point_without_a_value(store):
    await store.write(
        [batch([(PH, NOON, None, Quality.MISSING), (PH, NOON + 1, 99.0, Quality.FAIL)])]
    )
    found = await store.points(PH, NOON, NOON + 2)
    assert found.value == [None, 99.0]
    assert found.quality == [Quality.MISSING, Quality.FAIL]
    assert await store.count() == 2


async def test_every_metric_of_a_pack_and_every_part_of_its_name_is_told_apart(store):
    rows = [
        Series(SITE, DEVICE, PLACE, "", "water-temp"),
        Series(SITE, DEVICE, PLACE, "p-1", "water-temp"),
        Series(SITE, DEVICE, "other", "", "water-temp"),
        Series(SITE, DEVICE, "", "", "battery"),
        Series(SITE, DEVICE, PLACE, "", "ph"),
    ]
    await store.write(
        [batch([(series, NOON, float(i), Quality.GOOD) for i, series in enumerate(rows)])]
    )
    assert await store.series(SITE) == sorted(rows)
    for i, series in enumerate(rows):
        assert (await store.points(series, NOON, NOON + 1)).value == [float(i)]
    assert await store.count() == 5


async def test_latest_is_the_newest_measured_and_not_the_last_arrived(store):
    await store.write([good(PH, (NOON + 5, 7.5)), good(NH3N, (NOON, 0.3))])
    await store.write([good(PH, (NOON + 1, 7.1))])
    assert await store.latest(SITE) == [
        Point(NH3N, NOON, 0.3, Quality.GOOD),
        Point(PH, NOON + 5, 7.5, Quality.GOOD),
    ]


async def test_latest_tells_that_the_newest_reading_is_missing(store):
    await store.write([good(PH, (NOON, 7.0))])
    await store.write([batch([(PH, NOON + 1, None, Quality.MISSING)])])
    assert await store.latest(SITE) == [Point(PH, NOON + 1, None, Quality.MISSING)]


async def test_another_site_is_never_told(store):
    await store.write([good(Series("elsewhere", DEVICE, PLACE, "", "ph"), (NOON, 7.0))])
    assert await store.latest(SITE) == []
    assert await store.series(SITE) == []
    assert len(await store.points(PH, NOON, NOON + 1)) == 0
    assert len(await store.latest("elsewhere")) == 1


async def test_a_chart_of_few_points_shows_each_of_them(store):
    await store.write(
        [
            batch(
                [
                    (PH, NOON, 7.0, Quality.GOOD),
                    (PH, NOON + 1, 7.4, Quality.SUSPECT),
                    (PH, NOON + 2, None, Quality.MISSING),
                    (PH, NOON + 3, 99.0, Quality.FAIL),
                ]
            )
        ]
    )
    found = await store.buckets(PH, NOON, NOON + HOUR, 10)
    assert found.step_ms == 0
    assert whole(found) == [(NOON, 7.0, 7.0, 7.0, 1, 0), (NOON + 1, 7.4, 7.4, 7.4, 1, 1)]


async def test_a_chart_of_many_points_is_drawn_in_buckets(store):
    points = [(NOON + i * 10_000, float(i)) for i in range(60)]  # ten minutes
    await store.write([good(PH, *points)])
    found = await store.buckets(PH, NOON, NOON + 10 * MINUTE, 10)
    assert found.step_ms == MINUTE
    assert whole(found)[:2] == [
        (NOON, 0.0, 2.5, 5.0, 6, 0),
        (NOON + MINUTE, 6.0, 8.5, 11.0, 6, 0),
    ]
    assert len(found) == 10


async def test_withheld_readings_count_in_no_bucket(store):
    rows: list[Row] = [(PH, NOON + i * 1000, 7.0, Quality.GOOD) for i in range(60)]
    rows += [(PH, NOON + i * 1000 + 500, -9999.0, Quality.FAIL) for i in range(60)]
    rows += [(PH, NOON + i * 1000 + 700, None, Quality.MISSING) for i in range(60)]
    rows += [(PH, NOON + i * 1000 + 900, 8.0, Quality.SUSPECT) for i in range(60)]
    await store.write([batch(rows)])
    expected = [(NOON, 7.0, 7.5, 8.0, 120, 60)]
    assert whole(await store.buckets(PH, NOON, NOON + MINUTE, 1)) == expected
    await store.roll_up([Touched(Level.MINUTE, NOON, [PH]), Touched(Level.HOUR, NOON, [PH])])
    assert whole(await store.buckets(PH, NOON, NOON + MINUTE, 1)) == expected
    assert whole(await store.buckets(PH, NOON, NOON + HOUR, 1)) == expected


async def test_a_bucket_of_withheld_readings_alone_is_a_gap(store):
    rows = [(PH, NOON + i * 1000, None, Quality.MISSING) for i in range(60)]
    await store.write([batch(rows)])
    await store.roll_up([Touched(Level.MINUTE, NOON, [PH])])
    assert len(await store.buckets(PH, NOON, NOON + HOUR, 20)) == 0


async def test_the_tests_that_marked_a_point_are_told_with_it(store):
    marked = good(PH, (NOON, 7.0), (NOON + 1, 9.8), (NOON + 2, 7.0))
    marked.quality[1], marked.marks[1] = int(Quality.SUSPECT), Check.GROSS.suspect
    marked.quality[2], marked.marks[2] = int(Quality.FAIL), Check.FLAT.fail
    await store.write([marked])
    assert (await store.points(PH, NOON, NOON + 3)).marks == [
        0,
        Check.GROSS.suspect,
        Check.FLAT.fail,
    ]
    (newest,) = await store.latest(SITE)
    assert (newest.quality, newest.marks) == (Quality.FAIL, Check.FLAT.fail)
    only = await store.points(PH, NOON, NOON + 3, 1, marked=True)
    assert (only.at_ms, only.value, only.quality) == ([NOON + 1], [9.8], [Quality.SUSPECT])


async def test_an_amendment_worsens_the_points_of_its_span_and_leaves_their_values(store):
    rows: list[Row] = [(PH, NOON + n, 7.0 + n, Quality.GOOD) for n in range(4)]
    rows += [(PH, NOON + 4, None, Quality.MISSING), (NH3N, NOON + 1, 1.0, Quality.GOOD)]
    one = batch(rows)
    one.quality[2], one.marks[2] = int(Quality.FAIL), Check.GROSS.fail
    await store.write([one])
    amendments = [
        amendment(PH, NOON + 1, NOON + 4, Quality.SUSPECT, Check.FLAT.suspect),
        amendment(PH, NOON + 1, NOON + 1, Quality.SUSPECT, Check.SPIKE.suspect),
        amendment(PH, NOON + 90, NOON + 99, Quality.FAIL, Check.FLAT.fail),
    ]
    for _ in range(2):  # again is harmless
        await store.amend(amendments)
        found = await store.points(PH, NOON, NOON + 100)
        assert found.value == [7.0, 8.0, 9.0, 10.0, None]
        assert found.quality == [1, 3, 4, 3, 9]
        flat = Check.FLAT.suspect
        assert found.marks == [
            0,
            flat | Check.SPIKE.suspect,
            flat | Check.GROSS.fail,
            flat,
            flat,
        ]
    assert (await store.points(NH3N, NOON, NOON + 100)).quality == [1]


async def test_a_bucket_that_was_called_stuck_since_is_a_gap_when_it_is_rolled_up_again(store):
    await store.write([good(PH, *((NOON + i * 1000, 7.0) for i in range(120)))])
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    assert whole(await store.buckets(PH, NOON, NOON + HOUR, 1)) == [(NOON, 7.0, 7.0, 7.0, 120, 0)]
    until_ms = NOON + 119_000
    await store.amend([amendment(PH, NOON, until_ms, Quality.FAIL, Check.FLAT.fail)])
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    assert len(await store.buckets(PH, NOON, NOON + HOUR, 1)) == 0


@pytest.mark.parametrize("most", [24, 100, 500])
async def test_rolled_up_and_not_yet_rolled_up_the_chart_is_the_same(store, most):
    points = [(NOON + i * 2 * MINUTE, float(i % 37)) for i in range(720)]  # a day
    await store.write([good(PH, *points), good(NH3N, *points)])
    before = await store.buckets(PH, NOON, NOON + DAY, most)
    await store.roll_up(
        [Touched(Level.HOUR, NOON + i * HOUR, [PH, NH3N]) for i in range(22)]
        + [Touched(Level.MINUTE, NOON + i * MINUTE, [PH, NH3N]) for i in range(1200)]
    )
    after = await store.buckets(PH, NOON, NOON + DAY, most)
    assert after.step_ms == before.step_ms > 0
    assert whole(after) == whole(before)
    assert sum(after.count) == 720


async def test_a_chart_reads_the_roll_up_and_the_points_behind_it(store):
    await store.write([good(PH, *((NOON + i * MINUTE, 1.0) for i in range(180)))])
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    # Not rolled up again, so the hour bucket still says what it said.
    await store.write([good(PH, (NOON + 1, 5.0), (NOON + 2 * HOUR + 1, 5.0))])
    found = await store.buckets(PH, NOON, NOON + 3 * HOUR, 3)
    assert found.max == [1.0, 1.0, 5.0]
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    found = await store.buckets(PH, NOON, NOON + 3 * HOUR, 3)
    assert found.max == [5.0, 1.0, 5.0]


async def test_rolling_up_again_after_late_data_replaces_the_bucket(store):
    await store.write([good(PH, *((NOON + i * 1000, 1.0) for i in range(30)))])
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    await store.write([good(PH, *((NOON + i * 1000, 3.0) for i in range(30, 60)))])
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    assert whole(await store.buckets(PH, NOON, NOON + HOUR, 1)) == [(NOON, 1.0, 2.0, 3.0, 60, 0)]


async def test_rolling_up_what_has_no_points_changes_nothing(store):
    await store.roll_up([Touched(Level.HOUR, NOON, [PH])])
    await store.roll_up([])
    assert len(await store.buckets(PH, NOON, NOON + HOUR, 1)) == 0


async def test_a_chart_never_has_more_buckets_than_were_asked_for(store):
    await store.write([good(PH, *((NOON + i * 7 * MINUTE, 1.0) for i in range(400)))])
    for most in (1, 2, 7, 31, 200):
        found = await store.buckets(PH, NOON + 12_345, NOON + 2 * DAY, most)
        assert 0 < len(found) <= most


RAIN = Series(SITE, "gauge-1", PLACE, "", "rain")


async def test_rain_is_added_up_over_any_span_without_what_is_withheld(store):
    tips = [(NOON + i * 10 * MINUTE, 0.2) for i in range(6 * 24)]  # a day, a tip each ten minutes
    await store.write([good(RAIN, *tips)])
    await store.write(
        [
            batch(
                [
                    (RAIN, NOON + 1, 5.0, Quality.SUSPECT),
                    (RAIN, NOON + 2, -9999.0, Quality.FAIL),
                    (RAIN, NOON + 3, None, Quality.MISSING),
                ]
            )
        ]
    )
    end = NOON + DAY
    spans = [(end - hours * HOUR, end) for hours in (1, 3, 6, 12, 24)]
    found = await store.sums(RAIN, [*spans, (NOON, NOON + 1), (end, end + DAY), (NOON, NOON)])
    assert [one.value and round(one.value, 6) for one in found] == [
        *(1.2, 3.6, 7.2, 14.4, 33.8),
        *(0.2, None, None),
    ]
    assert [one.count for one in found] == [6, 18, 36, 72, 145, 1, 0, 0]
    assert [one.suspect for one in found] == [0, 0, 0, 0, 1, 0, 0, 0]
    assert (found[0].since_ms, found[0].until_ms) == spans[0]


async def test_points_are_counted_by_series_and_day(store):
    socket = Series(SITE, DEVICE, PLACE, "p-1", "ph")
    rows: list[Row] = [(PH, NOON + i * HOUR, 7.0, Quality.GOOD) for i in range(30)]
    rows += [(PH, NOON + i * HOUR + 1, 99.0, Quality.FAIL) for i in range(2)]
    rows += [(NH3N, NOON + DAY, None, Quality.MISSING), (socket, NOON, 7.0, Quality.SUSPECT)]
    await store.write([batch(rows)])
    await store.write([good(Series("elsewhere", DEVICE, PLACE, "", "ph"), (NOON, 7.0))])
    found = await store.got(SITE, [(NOON, NOON + DAY), (NOON + DAY, NOON + 2 * DAY)])
    assert [
        (one.series, (one.since_ms - NOON) // DAY, one.counted, one.withheld) for one in found
    ] == [
        (NH3N, 1, 0, 1),
        (PH, 0, 24, 2),
        (PH, 1, 6, 0),
        (socket, 0, 1, 0),
    ]
    assert await store.got(SITE, []) == []
