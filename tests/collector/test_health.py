import io
import json
import logging
import os
import re
from dataclasses import replace
from pathlib import Path

from collector import log as logs
from collector.delays import BOUNDS_S, Delays
from collector.health import (
    _HELP,
    DeviceSeen,
    Part,
    WatchStatus,
    metrics_page,
    prometheus,
    read_watch,
    write_watch,
)

DELAYS = Delays()
DELAYS.note(0.004, 3)
DELAYS.note(9_000.0)
STATUS = WatchStatus(
    at_ms=1_790_000_000_000,
    started_ms=1_789_999_000_000,
    pid=7,
    parts=(Part(name="link", ok=False, why='broker "x"\nis away', since_ms=5),),
    counters={"readings": 12, "doubles": 0},
    depth={"store": 3},
    lag_s={"store": 0.25},
    delays={"rules": DELAYS},
    loop_lag_s=0.002,
    journal="abc",
    position=99,
    devices=(
        DeviceSeen(site="riverside", device="box", online=True, seen_ms=4_000, waiting=2),
        DeviceSeen(site="riverside", device="new"),
    ),
)


def test_the_status_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "watch.json"
    write_watch(path, STATUS)
    assert read_watch(path) == STATUS


def test_no_status_and_a_foreign_one_are_none(tmp_path):
    path = tmp_path / "watch.json"
    assert read_watch(path) is None
    path.write_text('{"at_ms": "soon"}')
    assert read_watch(path) is None


def test_prometheus_text_is_well_formed():
    lines = prometheus(STATUS).splitlines()
    sample = re.compile(r'shouwang_[a-z_]+(\{([a-z]+="(\\.|[^"\\])*",?)+\})? -?[0-9.e+]+')
    assert all(line.startswith("# ") or sample.fullmatch(line) for line in lines)
    types = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(types) == len(set(types))
    assert 'shouwang_part_up{part="link"} 0' in lines
    assert "shouwang_readings_total 12" in lines
    assert 'shouwang_consumer_depth{consumer="store"} 3' in lines
    buckets = [line for line in lines if line.startswith("shouwang_rules_delay_seconds_bucket")]
    assert len(buckets) == len(BOUNDS_S) + 1
    assert 'shouwang_rules_delay_seconds_bucket{le="0.005"} 3' in buckets
    assert buckets[-1] == 'shouwang_rules_delay_seconds_bucket{le="+Inf"} 4'
    assert "shouwang_rules_delay_seconds_count 4" in lines
    assert 'shouwang_device_seen_seconds{site="riverside",device="box"} 4.000' in lines


def test_logs_are_one_json_object_a_line_with_their_facts():
    record = logging.LogRecord("part", logging.WARNING, "f", 1, "two\nlines %s", ("x",), None)
    record.facts = {"pid": 7}
    line = logs.Facts("watch").format(record)
    assert "\n" not in line
    body = json.loads(line)
    assert (body["text"], body["level"], body["process"], body["pid"]) == (
        "two\nlines x",
        "warning",
        "watch",
        7,
    )


def test_a_terminal_gets_words_without_control_characters():
    record = logging.LogRecord("part", logging.INFO, "f", 1, "clear \x1b[2J screen", (), None)
    assert "\x1b" not in logs.Words("watch").format(record)


def test_logs_go_where_they_are_sent():
    root = logging.getLogger()
    before = root.handlers[:], root.level
    stream = io.StringIO()
    try:
        logs.set_up("watch", stream=stream)
        logging.getLogger("collector.x").info("hello")
    finally:
        root.handlers[:], root.level = before[0], before[1]
    assert json.loads(stream.getvalue())["text"] == "hello"


def everything() -> WatchStatus:
    """A status in which nothing is left out."""
    device = replace(STATUS.devices[0], skew_s=0.2, clock_s=-1.0)
    return replace(
        STATUS,
        counters=dict.fromkeys(_HELP, 1),
        delays={"rules": DELAYS, "store": DELAYS},
        devices=(device,),
        letters={"unbound": 1},
        floods={"riverside/box": 1},
        missing={"riverside/box": {"lost": 1}},
        synthetic={"store": 0.5},
    )


def test_the_page_lists_every_metric_with_its_type_and_meaning():
    """Write it anew with ``SHOUWANG_WRITE=1``."""
    page = Path(__file__).parents[2] / "docs" / "metrics.md"
    text = metrics_page(everything())
    if os.environ.get("SHOUWANG_WRITE"):
        page.write_text(text, "utf-8")
    assert page.read_text("utf-8") == text
