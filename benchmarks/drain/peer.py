"""Telegraf, the peer: the same messages from the same broker into the same InfluxDB.

Its fastest parser (line protocol), and the very packs that devices of ours send: by ``json_v2``,
which is its fastest for them and must be told each metric beforehand, and by ``xpath_json``, which
takes whatever metric a pack brings. A backlog's records have times of their own, the sum of two
members, which ``xpath_json`` alone can say. All acknowledge after the write, as Telegraf does at
QoS 1 with a persistent session.
"""

import subprocess
from collections.abc import Sequence
from pathlib import Path

from benchmarks.drain.village import FEEDER, SITE, SONDE
from tests.services.servers import REPOSITORY, Influxd, Missing, Mosquitto

CLIENT = "telegraf"
# The broker hands out 4,000 unacknowledged messages, so a batch must be smaller than that; with the
# usual 10 s between flushes the last batch, which is not full, would count as seconds of draining.
BATCH = 2_000
FLUSH = "200ms"
UNDELIVERED = 20_000
BUFFER = 1_000_000  # a backlog message is 500 metrics, and what overflows is dropped

_CONFIG = """
[agent]
  interval = "1s"
  flush_interval = "{flush}"
  metric_batch_size = {batch}
  metric_buffer_limit = {buffer}
  omit_hostname = true

[[outputs.influxdb_v2]]
  urls = ["{url}"]
  token = "{token}"
  organization = "{org}"
  bucket = "{bucket}"
  content_encoding = "identity"

[[inputs.mqtt_consumer]]
  servers = ["tcp://{host}:{port}"]
  topics = ["{topic}"]
  client_id = "{client}"
  qos = 1
  persistent_session = true
  max_undelivered_messages = {undelivered}
  topic_tag = ""
"""
_LINE = """  data_format = "influx"
  influx_timestamp_precision = "1ms"
"""
_DEVICE = f"""
  [[inputs.mqtt_consumer.topic_parsing]]
    topic = "shouwang/v1/{SITE}/+/readings"
    tags = "_/_/site/device/_"
"""
_METRIC = """
    [[inputs.mqtt_consumer.json_v2.field]]
      path = '#(n=="{metric}").v'
      rename = "{metric}"
      type = "float"
      optional = true
"""
_SENML = (
    """  data_format = "json_v2"
  [[inputs.mqtt_consumer.json_v2]]
    measurement_name = "reading"
    timestamp_path = "0.bt"
    timestamp_format = "unix"
    [[inputs.mqtt_consumer.json_v2.tag]]
      path = "0.bn"
      rename = "place"
"""
    + "".join(_METRIC.format(metric=metric) for metric in (*SONDE, *FEEDER))
    + _DEVICE
)
_XPATH = (
    """  data_format = "xpath_json"
  [[inputs.mqtt_consumer.xpath]]
    metric_name = "'reading'"
    metric_selection = "{selection}"
    timestamp = "{timestamp}"
    timestamp_format = "unix"
    field_selection = "{fields}"
    field_name = "n"
    field_value = "number(v)"
    [inputs.mqtt_consumer.xpath.tags]
      place = "substring-before({head}/bn, '/')"
"""
    + _DEVICE
)
_ANY_SENML = _XPATH.format(selection="/", timestamp="/*[1]/bt", fields="/*", head="/*[1]")
# A path that begins with "/" leads to the whole pack only as long as it stands alone.
_BACKLOG = _XPATH.format(
    selection="/*", timestamp="sum(t) + number(../*[1]/bt)", fields=".", head="../*[1]"
)
_PACKS = f"shouwang/v1/{SITE}/+/readings"
FORMS = {
    "line": ("bench/line/+", _LINE),
    "senml": (_PACKS, _SENML),
    "senml-xpath": (_PACKS, _ANY_SENML),
    "backlog": (_PACKS, _BACKLOG),
}


def find_telegraf(*, build: bool = True) -> Path:
    """Find it in the cache, or build it where Go is; Missing says what is wanting."""
    script = [str(REPOSITORY / "tests/services/telegraf.sh"), *(() if build else ("--built",))]
    done = subprocess.run(script, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        why = "could not be built; its own words are above" if build else "is not built"
        raise Missing(f"Telegraf is not there and {why}")
    return Path(done.stdout.strip())


def command(
    binary: Path, folder: Path, form: str, broker: Mosquitto, influx: Influxd, bucket: str
) -> Sequence[str]:
    """What starts Telegraf on this form of message."""
    topic, parser = FORMS[form]
    config = folder / "telegraf.conf"
    text = _CONFIG.format(
        batch=BATCH, flush=FLUSH, buffer=BUFFER, undelivered=UNDELIVERED, client=CLIENT, topic=topic,
        url=influx.url, token=influx.token, org=influx.org, bucket=bucket,
        host=broker.host, port=broker.port,
    )  # fmt: skip
    config.write_text(text + parser, "utf-8")
    return [str(binary), "--config", str(config), "--quiet"]
