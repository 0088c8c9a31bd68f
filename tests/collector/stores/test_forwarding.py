"""What arrives at the servers that are only written to, and what happens when they refuse."""

from dataclasses import replace

import pytest

from collector.stores.forwarding import ForwardingStore
from collector.stores.kinds import InfluxSettings, Kind
from collector.stores.port import StoreUnavailable
from collector.stores.sender import Sender
from edge.contract.quality import Quality
from tests.collector.stores.batches import DEVICE, NH3N, NOON, PH, PLACE, SITE, Row, batch, good
from tests.collector.stores.influx3 import influx3


def settings3(server, **more) -> InfluxSettings:
    return InfluxSettings(kind=Kind.INFLUX3, url=server.url, bucket="b", token=server.token, **more)


@pytest.mark.parametrize("packed", [False, True])
async def test_influxdb_3_gets_every_reading_with_its_quality(tmp_path, packed):
    async with influx3() as server:
        store = ForwardingStore(tmp_path / "store.db", settings3(server, gzip=packed))
        assert await store.write([batch([(PH, NOON, 7.0, Quality.SUSPECT)])]) == 1
        await store.close()
        head = f"reading,site={SITE},device={DEVICE},place={PLACE}"
        assert server.points == {("b", head, NOON): {"ph": "7.0", "ph_q": "3i"}}


async def test_influxdb_3_names_bad_lines_by_number_and_each_is_sent_once_more_at_most(tmp_path):
    refused: list[tuple[str, str]] = []
    async with influx3() as server:
        settings = settings3(server)
        sender = Sender(settings, lambda line, why: refused.append((line, why)))
        await sender.send([("b", [f'reading,site=x nh3n="text" {NOON}'])])
        await sender.close()
        store = ForwardingStore(
            tmp_path / "store.db", settings, refused=lambda *said: refused.append(said)
        )
        rows: list[Row] = [(PH, NOON + i, 7.0, Quality.GOOD) for i in range(1000)]
        rows += [(NH3N, NOON + i, 0.3, Quality.GOOD) for i in range(250)]  # in lines with a pH
        assert await store.write([batch(rows)]) == 1000
        assert await store.count() == 1250  # here nothing is refused
        await store.close()
        kept = [fields for (_, head, _), fields in server.points.items() if "device" in head]
    assert sum("ph" in fields for fields in kept) == 1000
    assert len(refused) == 250
    assert {line.split()[1] for line, _ in refused} == {"nh3n=0.3,nh3n_q=1i"}
    assert "expected string" in refused[0][1]


async def test_a_server_that_is_away_holds_the_readings_back_and_then_has_each_once(tmp_path):
    async with influx3() as server:
        right = settings3(server)
        sent = [good(PH, (NOON, 7.0))]
        store = ForwardingStore(tmp_path / "store.db", replace(right, token="wrong"))
        with pytest.raises(StoreUnavailable, match="401 the request was not authenticated"):
            await store.write(sent)
        await store.close()
        store = ForwardingStore(tmp_path / "store.db", right)
        assert await store.write(sent) == 1
        assert await store.count() == len(server.points) == 1
        await store.close()


@pytest.mark.victoria
@pytest.mark.parametrize("packed", [False, True])
async def test_victoriametrics_has_each_value_under_a_name_of_its_own(
    victoria_server, tmp_path, packed
):
    settings = InfluxSettings(
        kind=Kind.VICTORIA, url=victoria_server.url, bucket=tmp_path.name, gzip=packed
    )
    store = ForwardingStore(tmp_path / "store.db", settings)
    sent = [
        good(PH, (NOON, 7.5), (NOON + 1000, 7.25)),
        batch([(NH3N, NOON, None, Quality.MISSING)]),
    ]
    for _ in range(2):
        assert await store.write(sent) == 3
    await store.close()
    assert victoria_server.exported(tmp_path.name) == {
        ("reading_ph", DEVICE): {NOON: 7.5, NOON + 1000: 7.25},
        ("reading_ph_q", DEVICE): {NOON: 1, NOON + 1000: 1},
        ("reading_nh3n_q", DEVICE): {NOON: 9},
    }


@pytest.mark.victoria
async def test_a_line_that_victoriametrics_cannot_read_sinks_no_other(victoria_server, tmp_path):
    settings = InfluxSettings(kind=Kind.VICTORIA, url=victoria_server.url, bucket=tmp_path.name)
    sender = Sender(settings)
    lines = [
        f"reading,device=d ph=7.0,ph_q=1i {NOON}",
        "no line",
        f"reading,device=e ph=8.0 {NOON}",
    ]
    await sender.send([(tmp_path.name, lines)])
    await sender.close()
    found = victoria_server.exported(tmp_path.name)
    assert {device for _, device in found} == {"d", "e"}
