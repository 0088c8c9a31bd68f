"""docs/metrics.md, made from the table of metrics: ``python -m collector.metrics_page > docs/metrics.md``."""

import sys
from collections.abc import Iterator

from collector.exposition import FAMILIES, PREFIX
from dashboards.console.health import STREAMS, STREAMS_TEXT

_HEAD = """# Metrics

Made from `collector/exposition.py` by `python -m collector.metrics_page > docs/metrics.md`; a test compares.

`/metrics` is Prometheus text (exposition format 0.0.4), served by the desk on loopback:

```yaml
scrape_configs:
  - job_name: shouwang
    static_configs: [{ targets: ["127.0.0.1:8420"] }]
```

Units are base units, told by the name: `_seconds`, `_bytes`, `_ratio` (0 to 1), `_timestamp_seconds` (since 1970, on the house clock). Counters begin anew with each start of the watch, as `rate()` expects. A family is left out while there is nothing to tell: the counters of listeners and uplinks without one, a device's clock before it is known. The figures are the watch's of the last second, those of more than 500 devices of the last five; when it is down they stand still, so watch `time() - shouwang_house_timestamp_seconds`, too.

What the house says of itself in the store, for charts beside the readings, is listed in [house.md](house.md).

| metric | type | labels | is |
|---|---|---|---|
"""

_TAIL = """
## Worth an alarm

The house raises its own incidents about most of this ([house.md](house.md)). From outside, by Prometheus:

```yaml
- alert: WatchSilent
  expr: time() - shouwang_house_timestamp_seconds > 60
- alert: StoreAway
  expr: shouwang_store_away_seconds > 600
- alert: ConsumerLags
  expr: shouwang_consumer_lag_seconds > 300
- alert: NoticesStuck
  expr: shouwang_outbox_stuck_seconds > 600
- alert: ReadingsLost
  expr: increase(shouwang_needed_total[1h]) > 0
```

Lateness at the 99th hundredth: `histogram_quantile(0.99, rate(shouwang_store_delay_seconds_bucket[5m]))`.
"""


def page() -> str:
    return _HEAD + "".join(f"{row}\n" for row in _rows()) + _TAIL


def _rows() -> Iterator[str]:
    for family in FAMILIES:
        labels = ", ".join(f"`{label}`" for label in family.labels)
        yield f"| `{PREFIX}{family.name}` | {family.kind} | {labels} | {family.text} |"
    yield f"| `{STREAMS}` | gauge |  | {STREAMS_TEXT} |"


if __name__ == "__main__":
    sys.stdout.write(page())
