import logging
import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from collector.stores.influx import InfluxStore
from collector.stores.kinds import InfluxSettings
from collector.stores.port import Level, Series, StoreUnavailable, Touched
from collector.stores.posting import ClientPost, PlainPost
from collector.stores.retention import Retention
from collector.stores.sender import Sender
from edge.contract.quality import Quality
from edge.contract.reading import Batch
from tests.collector.stores.batches import (
    DAY,
    DEVICE,
    HOUR,
    NH3N,
    NOON,
    PH,
    PLACE,
    SITE,
    Row,
    batch,
    good,
)
from tests.collector.stores.real import settings_of
from tests.services.servers import Influxd, Influxd1, free_port

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


BOTH = [
    pytest.param("influxdb_server", marks=pytest.mark.influxdb),
    pytest.param("influxdb1_server", marks=pytest.mark.influxdb1),
]


@pytest.fixture(params=BOTH)
def server(request) -> Influxd | Influxd1:
    """InfluxDB 2 and InfluxDB 1, the real ones."""
    return request.getfixturevalue(request.param)


@pytest.fixture
async def real(server) -> AsyncIterator[tuple[InfluxStore, list[tuple[str, str]]]]:
    refused: list[tuple[str, str]] = []
    store = InfluxStore(
        settings_of(server),
        retention=FOR_EVER,
        refused=lambda line, why: refused.append((line, why)),
    )
    await store.set_up()
    yield store, refused
    await store.close()


def told_to(store: InfluxStore, server: Influxd | Influxd1, *lines: str) -> None:
    """Give the server lines past the store."""
    path = store._settings.write_path(store._settings.bucket)
    server.request("POST", path, "\n".join(lines).encode())


@asynccontextmanager
async def counting_proxy(
    url: str, spoiled: int = 0
) -> AsyncIterator[tuple[str, list[tuple[int, int]]]]:
    """A proxy before a server; it answers 503 to the first ``spoiled`` that the server has taken.

    The list gets the lines and the server's status of each write.
    """
    writes: list[tuple[int, int]] = []
    async with aiohttp.ClientSession() as session:

        async def handler(request: web.Request) -> web.StreamResponse:
            body = await request.read()
            headers = {"Authorization": request.headers["Authorization"]}
            async with session.request(
                request.method, url + request.path_qs, data=body, headers=headers
            ) as answer:
                payload = await answer.read()
            if "write" in request.path:
                writes.append((len(body.splitlines()), answer.status))
                if len(writes) <= spoiled:
                    return web.Response(status=503, text="upstream is slow")
            return web.Response(status=answer.status, body=payload)

        async with answering(handler) as proxy:
            yield proxy, writes


async def test_a_conflict_of_types_refuses_the_metric_alone(real, server):
    store, refused = real
    told_to(store, server, f'reading,site=x nh3n="text" {NOON}')
    rows: list[Row] = [(PH, NOON + i, 7.0, Quality.GOOD) for i in range(50)]
    rows += [(NH3N, NOON + i, 0.3, Quality.GOOD) for i in range(3)]  # in lines with a pH
    assert await store.write([batch(rows)]) == 50
    assert len(await store.points(PH, NOON, NOON + 100)) == 50
    assert [line.split()[1] for line, _ in refused] == ["nh3n=0.3,nh3n_q=1i"] * 3
    assert all("field type conflict" in why for _, why in refused)
    # The text that another wrote fails no question.
    await store.roll_up([Touched(Level.HOUR, NOON, [PH, NH3N])])
    assert [row[4] for row in await store.rows(Level.HOUR, PH, NOON, NOON + HOUR)] == [50]
    assert await store.rows_of_points(NH3N, NOON, NOON + HOUR, HOUR) == []
    assert [point.series for point in await store.latest(SITE)] == [PH]


async def test_a_conflict_in_many_lines_costs_a_few_requests(server):
    # The field is a text in one of two days only, so that the answer's count tells not which lines.
    settings = settings_of(server)
    refused: list[str] = []
    async with counting_proxy(server.url) as (proxy, writes):
        store = InfluxStore(
            replace(settings, url=proxy),
            retention=FOR_EVER,
            refused=lambda line, why: refused.append(line),
        )
        await store.set_up()
        told_to(store, server, f'reading,site=x nh3n="text" {NOON}')
        far = NOON + 30 * DAY
        rows: list[Row] = [(PH, NOON + i, 7.0, Quality.GOOD) for i in range(2000)]
        rows += [(NH3N, NOON + 5000 + i, 0.3, Quality.GOOD) for i in range(64)]
        rows += [(NH3N, far + i, 0.3, Quality.GOOD) for i in range(64)]
        assert await store.write([batch(rows)]) == 2064
        await store.close()
    assert len(refused) == 64
    assert len(writes) <= 5


async def test_what_is_older_than_the_bucket_is_named_and_the_rest_goes_on(server):
    refused: list[tuple[str, str]] = []
    bucket = f"short-{server.new_bucket()}"
    store = InfluxStore(
        replace(settings_of(server), bucket=bucket),
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


async def test_every_kind_of_mistake_in_one_request_is_found_and_the_rest_goes_on(server):
    refused: list[tuple[str, str]] = []
    bucket = f"short-{server.new_bucket()}"
    settings = replace(settings_of(server), bucket=bucket)
    store = InfluxStore(settings, retention=Retention(points=400))
    await store.set_up()
    now_ms = store._clock.now_ms()
    told_to(store, server, f'reading,site=x nh3n="text" {now_ms}')
    sender = Sender(settings, lambda line, why: refused.append((line, why)))
    lines = [f"reading,site=s ph={i}.0,ph_q=1i {now_ms - i}" for i in range(300)]
    lines[17] = f"reading,site=s ph=seven,ph_q=1i {now_ms - 17}"
    lines[18] = f"reading,site= ph=7.0,ph_q=1i {now_ms - 18}"
    lines[19] = "reading,site=s ph=7.0,ph_q=1i 1000"
    lines[20] = f"reading,site=s nh3n=0.3,nh3n_q=1i {now_ms}"
    await sender.send([(bucket, lines)])
    assert sorted(line for line, _ in refused) == sorted(lines[17:21])
    reasons = dict(refused)
    assert "invalid" in reasons[lines[17]]
    assert reasons[lines[19]] == "older than its bucket keeps"
    assert "field type conflict" in reasons[lines[20]]
    assert server.count(bucket)["ph_q"] == 296
    await sender.close()
    await store.close()


async def test_taken_and_answered_by_a_proxy_with_503_is_sent_again_and_kept_once(server):
    settings = settings_of(server)
    refused: list[str] = []
    async with counting_proxy(server.url, spoiled=2) as (proxy, writes):
        store = InfluxStore(
            replace(settings, url=proxy),
            retention=FOR_EVER,
            refused=lambda line, why: refused.append(line),
        )
        await store.set_up()
        told_to(store, server, f'reading,site=x nh3n="text" {NOON}')
        sent = [good(PH, *((NOON + i, 7.0) for i in range(100))), good(NH3N, (NOON + 200, 1.0))]
        for _ in range(2):
            with pytest.raises(StoreUnavailable, match="503 upstream is slow"):
                await store.write(sent)
        assert await store.write(sent) == 100
        assert await store.count() == 100
        await store.close()
    assert [lines for lines, _ in writes] == [101, 101, 101, 100]
    assert len(refused) == 1  # once, though it was sent three times


async def test_a_wrong_sign_in_is_named_with_its_remedy(server):
    settings = settings_of(server)
    wrong = replace(settings, token="wrong", password="wrong")
    store = InfluxStore(wrong)
    with pytest.raises(StoreUnavailable, match=r"401 .*give the right token, or user and password"):
        await store.write([good(PH, (NOON, 7.0))])
    with pytest.raises(StoreUnavailable, match="401"):
        await store.count()
    await store.close()


async def test_packed_lines_are_taken_like_plain_ones(server):
    store = InfluxStore(replace(settings_of(server), gzip=True), retention=FOR_EVER)
    await store.write([good(PH, *((NOON + i, 7.0) for i in range(3000)))])
    assert await store.count() == 3000
    await store.close()


async def test_a_connection_that_was_closed_meanwhile_is_opened_again(server):
    store = InfluxStore(settings_of(server), retention=FOR_EVER)
    await store.write([good(PH, (NOON, 7.0))])
    post, closed = store._sender._poster, []
    if isinstance(post, PlainPost):
        for connection in post._all:
            assert connection.sock is not None
            connection.sock.shutdown(socket.SHUT_RDWR)
    else:
        assert isinstance(post, ClientPost)
        pools: Any = post._client.api_client.rest_client.pool_manager.pools
        keys = pools.keys()  # the container itself cannot be walked
        for key in keys:
            idle = pools[key].pool
            while (link := idle.get_nowait()) is not None:
                link.sock.shutdown(socket.SHUT_RDWR)
                closed.append(link)
            for link in closed:
                idle.put(link)
        assert closed
    assert await store.write([good(PH, (NOON + 1, 7.0))]) == 1
    await store.close()


async def test_the_server_itself_counts_what_was_written(real, server):
    store, _ = real
    await store.write([batch([(PH, NOON, 7.0, Quality.GOOD), (NH3N, NOON, None, Quality.MISSING)])])
    assert server.count(store._settings.bucket) == {"ph": 1, "ph_q": 1, "nh3n_q": 1}


async def test_a_missing_bucket_is_unavailable_and_says_so(server):
    store = InfluxStore(replace(settings_of(server), bucket="never-made"))
    with pytest.raises(StoreUnavailable, match=r"never-made.*shouwang setup-store"):
        await store.write([good(PH, (NOON, 7.0))])
    with pytest.raises(StoreUnavailable, match="never-made"):
        await store.count()
    await store.close()


@pytest.mark.parametrize("name", ["a b", "a,b", "a=b", "it's", 'a"b', "河段"])
async def test_a_name_of_any_characters_goes_there_and_back(real, name):
    store, refused = real
    series = Series(SITE, name, PLACE, name, f"x-{name}")
    made: Batch = good(series, (NOON, 1.5))
    assert await store.write([made]) == 1
    assert refused == []
    assert (await store.points(series, NOON, NOON + 1)).value == [1.5]
    assert await store.series(SITE) == [series]


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
