import io
import json
import logging
import math
from dataclasses import replace

import orjson
from pydantic import TypeAdapter

from collector import log as logs
from collector.delays import Delays
from collector.health import (
    DeviceSeen,
    OutboxSeen,
    Part,
    WatchStatus,
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
    journal_oldest_ms=1_789_996_400_000,
    journal_share=12.5,
    store_away_s=1.5,
    disk_free_bytes=10**9,
    outbox=OutboxSeen(waiting=1, retrying=2, oldest_s=9.5, attempts={"accepted": 5}),
    missing={"riverside/box": {"waiting": 4}},
    letters={"unregistered": 3},
    floods={"unregistered devices": 9},
    devices=(
        DeviceSeen(
            site="riverside", device="box", online=True, seen_ms=4_000, waiting=2, skew_s=-3.5
        ),
        DeviceSeen(site="riverside", device="new"),
    ),
)


def test_the_status_comes_back_as_it_was_written(tmp_path):
    path = tmp_path / "watch.json"
    write_watch(path, STATUS)
    assert read_watch(path) == STATUS


def test_devices_that_were_made_json_before_come_back_too(tmp_path):
    path = tmp_path / "watch.json"
    odd = replace(STATUS, journal='"devices":[]')
    write_watch(path, replace(odd, devices=()), orjson.dumps(odd.devices))
    assert read_watch(path) == odd
    assert odd.devices


def test_the_file_says_what_the_schema_of_the_status_says(tmp_path):
    path = tmp_path / "watch.json"
    odd = replace(STATUS, loop_lag_s=math.nan, missing={"riverside/岸": {"gone": 2}})
    write_watch(path, odd)
    assert json.loads(path.read_bytes()) == TypeAdapter(WatchStatus).dump_python(
        odd, mode="json"
    ) | {"loop_lag_s": None}


def test_no_status_and_a_foreign_one_are_none(tmp_path):
    path = tmp_path / "watch.json"
    assert read_watch(path) is None
    path.write_text('{"at_ms": "soon"}')
    assert read_watch(path) is None


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
