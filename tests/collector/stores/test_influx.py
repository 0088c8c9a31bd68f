import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager

import pytest
from aiohttp import web

from collector.stores.influx import InfluxSettings, InfluxStore
from collector.stores.port import Level, Series, StoreUnavailable, Touched
from collector.stores.retention import Retention
from edge.contract.quality import Quality
from edge.contract.reading import Batch
from tests.collector.stores.batches import (
    DEVICE,
    HOUR,
    NH3N,
    NOON,
    PH,
    PLACE,
    SITE,
    batch,
    good,
)

TOKEN = "a-token-nobody-may-see"
FOR_EVER = Retention(points=None, minutes=None, hours=None)
Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def answering(handler: Handler) -> AsyncIterator[str]:
    """A server on loopback that answers every request by ``handler``."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    host, port = runner.addresses[0][:2]
    try:
        yield f"http://{host}:{port}"
    finally:
        await runner.cleanup()


def settings(url: str) -> InfluxSettings:
    return InfluxSettings(url=url, org="o", bucket="b", token=TOKEN)


def refusal(status: int, message: str) -> web.Response:
    return web.json_response({"code": "x", "message": message}, status=status)


@pytest.mark.parametrize("status", [401, 403, 404, 429, 500, 503])
async def test_what_may_pass_is_tried_again_by_the_writer(status):
    async def handler(request: web.Request) -> web.StreamResponse:
        return refusal(status, "not now")

    async with answering(handler) as url:
        store = InfluxStore(settings(url))
        with pytest.raises(StoreUnavailable, match=f"{status} not now"):
            await store.write([good(PH, (NOON, 7.0))])
        with pytest.raises(StoreUnavailable, match=str(status)):
            await store.points(PH, NOON, NOON + 1)
        await store.close()


async def test_nobody_listening_is_unavailable_and_the_token_stays_unsaid(unused_port, caplog):
    caplog.set_level(logging.DEBUG)
    store = InfluxStore(settings(f"http://127.0.0.1:{unused_port}"))
    with pytest.raises(StoreUnavailable) as written:
        await store.write([good(PH, (NOON, 7.0))])
    with pytest.raises(StoreUnavailable) as read:
        await store.count()
    await store.close()
    said = [str(written.value), str(read.value), repr(store), caplog.text]
    assert not any(TOKEN in text for text in said)


@pytest.fixture
def unused_port() -> int:
    from tests.services.servers import free_port

    return free_port()


async def test_one_bad_line_does_not_sink_the_others():
    taken: set[str] = set()

    async def handler(request: web.Request) -> web.StreamResponse:
        lines = (await request.text()).splitlines()
        if any("ph=666" in line for line in lines):
            return refusal(400, "unable to parse")
        taken.update(lines)
        return web.Response(status=204)

    refused: list[tuple[str, str]] = []
    async with answering(handler) as url:
        store = InfluxStore(settings(url), refused=lambda line, why: refused.append((line, why)))
        sent = good(PH, *((NOON + i, 666.0 if i == 137 else 7.0) for i in range(1000)))
        assert await store.write([sent]) == 999
        await store.close()
    assert len(taken) == 999
    assert [(line.split()[1], why) for line, why in refused] == [
        ("ph=666.0,ph_q=1i", "InfluxDB 400: unable to parse")
    ]


async def test_a_batch_that_is_wholly_refused_costs_one_request():
    requests = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        nonlocal requests
        requests += 1
        return refusal(422, "partial write: field type conflict dropped=500")

    refused: list[str] = []
    async with answering(handler) as url:
        store = InfluxStore(settings(url), refused=lambda line, why: refused.append(line))
        assert await store.write([good(PH, *((NOON + i, 7.0) for i in range(500)))]) == 0
        await store.close()
    assert (requests, len(refused)) == (1, 500)


async def test_lines_go_out_in_requests_of_bounded_size():
    sizes = []

    async def handler(request: web.Request) -> web.StreamResponse:
        sizes.append(len((await request.text()).splitlines()))
        assert request.query["precision"] == "ms"
        return web.Response(status=204)

    async with answering(handler) as url:
        store = InfluxStore(settings(url))
        await store.write([good(PH, *((NOON + i, 7.0) for i in range(12_000)))])
        await store.close()
    assert sizes == [2500, 2500, 2500, 2500, 2000]


async def test_long_questions_are_asked_in_several_addresses():
    addresses = []

    async def handler(request: web.Request) -> web.StreamResponse:
        addresses.append(len(str(request.rel_url)))
        statements = request.query["q"].split("; ")
        if statements[0].startswith("SHOW"):
            fields = [[f"metric-{i}_q", "integer"] for i in range(300)]
            return web.json_response({"results": [{"series": [{"values": fields}]}]})
        one = {"series": [{"columns": ["time", "count"], "values": [[0, 2]]}]}
        return web.json_response({"results": [one] * len(statements)})

    async with answering(handler) as url:
        store = InfluxStore(settings(url))
        assert await store.count() == 600
        await store.close()
    assert len(addresses) > 2


async def test_an_answer_of_another_service_is_unavailable():
    async def handler(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>Welcome to the router")

    async with answering(handler) as url:
        store = InfluxStore(settings(url))
        with pytest.raises(StoreUnavailable, match="no JSON"):
            await store.count()
        await store.close()


@pytest.fixture
async def real(influxdb_server) -> AsyncIterator[tuple[InfluxStore, list[tuple[str, str]]]]:
    refused: list[tuple[str, str]] = []
    store = InfluxStore(
        InfluxSettings(
            url=influxdb_server.url,
            org=influxdb_server.org,
            bucket=influxdb_server.new_bucket(),
            token=influxdb_server.token,
        ),
        retention=FOR_EVER,
        refused=lambda line, why: refused.append((line, why)),
    )
    await store.set_up()
    yield store, refused
    await store.close()


def conflicting(store: InfluxStore, influxdb_server) -> None:
    """Give the field nh3n another type than ours."""
    influxdb_server.request(
        "POST",
        "/api/v2/write",
        f'reading,site=x nh3n="text" {NOON}'.encode(),
        parameters={
            "org": influxdb_server.org,
            "bucket": store._settings.bucket,
            "precision": "ms",
        },
    )


@pytest.mark.influxdb
async def test_a_conflict_of_types_refuses_those_lines_alone(real, influxdb_server):
    store, refused = real
    conflicting(store, influxdb_server)
    kept = await store.write(
        [good(PH, *((NOON + i, 7.0) for i in range(50))), good(NH3N, (NOON + 60, 0.3))]
    )
    assert kept == 50
    assert len(await store.points(PH, NOON, NOON + 100)) == 50
    assert [line.split()[1] for line, _ in refused] == ["nh3n=0.3,nh3n_q=1i"]
    assert "field type conflict" in refused[0][1]


@pytest.mark.influxdb
async def test_what_is_older_than_the_bucket_is_named_and_the_rest_goes_on(influxdb_server):
    refused: list[tuple[str, str]] = []
    bucket = f"short-{influxdb_server.new_bucket()}"
    store = InfluxStore(
        InfluxSettings(
            url=influxdb_server.url,
            org=influxdb_server.org,
            bucket=bucket,
            token=influxdb_server.token,
        ),
        retention=Retention(points=400, minutes=90),
        refused=lambda line, why: refused.append((line, why)),
    )
    await store.set_up()
    now_ms = store._clock.now_ms()
    old = [(i * HOUR, 7.0) for i in range(200)]
    assert await store.write([good(PH, *old, (now_ms, 7.0))]) == 1
    assert len(refused) == 200
    assert {why for _, why in refused} == {"older than its bucket keeps"}
    assert await store.count() == 1
    await store.roll_up([Touched(Level.MINUTE, 0, [PH])])
    await store.close()


@pytest.mark.influxdb
async def test_the_server_itself_counts_what_was_written(real, influxdb_server):
    store, _ = real
    await store.write([batch([(PH, NOON, 7.0, Quality.GOOD), (NH3N, NOON, None, Quality.MISSING)])])
    assert influxdb_server.count(store._settings.bucket) == {"ph": 1, "ph_q": 1, "nh3n_q": 1}


@pytest.mark.influxdb
async def test_a_missing_bucket_is_unavailable_and_says_so(influxdb_server):
    store = InfluxStore(
        InfluxSettings(
            url=influxdb_server.url,
            org=influxdb_server.org,
            bucket="never-made",
            token=influxdb_server.token,
        )
    )
    with pytest.raises(StoreUnavailable, match=r"never-made.*make the bucket"):
        await store.write([good(PH, (NOON, 7.0))])
    with pytest.raises(StoreUnavailable, match="never-made"):
        await store.count()
    await store.close()


@pytest.mark.influxdb
@pytest.mark.parametrize("name", ["a b", "a,b", "a=b", "it's", 'a"b', "河段"])
async def test_a_name_of_any_characters_goes_there_and_back(real, name):
    store, refused = real
    series = Series(SITE, name, PLACE, name, f"x-{name}")
    made: Batch = good(series, (NOON, 1.5))
    assert await store.write([made]) == 1
    assert refused == []
    assert (await store.points(series, NOON, NOON + 1)).value == [1.5]
    assert await store.series(SITE) == [series]


@pytest.mark.influxdb
async def test_many_series_are_rolled_up_with_one_question_for_all(real):
    store, _ = real
    sockets = [Series(SITE, DEVICE, PLACE, f"p-{i}", "power") for i in range(30)]
    await store.write([good(socket, *((NOON + j, 80.0) for j in range(3))) for socket in sockets])
    await store.roll_up([Touched(Level.HOUR, NOON, sockets[:25])])
    rows = [await store.rows(Level.HOUR, socket, NOON, NOON + HOUR) for socket in sockets]
    assert [len(row) for row in rows] == [1] * 25 + [0] * 5
    assert rows[0] == [(NOON, 80.0, 80.0, 80.0, 3, 0)]


def test_settings_hide_the_token():
    assert TOKEN not in repr(settings("http://127.0.0.1:1"))
