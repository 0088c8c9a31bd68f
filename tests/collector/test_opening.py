import pytest

from collector.config import Config, StoreConfig, StoreKind
from collector.opening import open_store
from collector.stores.embedded import EmbeddedStore
from collector.stores.forwarding import ForwardingStore
from collector.stores.influx import InfluxStore


@pytest.mark.parametrize(
    ("kind", "watch", "desk"),
    [
        (StoreKind.EMBEDDED, EmbeddedStore, EmbeddedStore),
        (StoreKind.INFLUX, InfluxStore, InfluxStore),
        (StoreKind.INFLUX1, InfluxStore, InfluxStore),
        # Written to and not asked: the desk reads what is kept beside the server.
        (StoreKind.INFLUX3, ForwardingStore, EmbeddedStore),
        (StoreKind.VICTORIA, ForwardingStore, EmbeddedStore),
    ],
)
async def test_watch_and_desk_open_the_store_of_the_settings(tmp_path, kind, watch, desk):
    config = Config(state=tmp_path, store=StoreConfig(kind=kind, url="http://127.0.0.1:9"))
    for read_only, made in ((False, watch), (True, desk)):
        store = open_store(config, read_only=read_only)
        assert type(store) is made
        await store.close()
