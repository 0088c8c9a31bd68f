import re
from dataclasses import replace
from pathlib import Path

from collector.delays import BOUNDS_S, Delays
from collector.exposition import FAMILIES, PREFIX, Kind, prometheus
from collector.health import OutboxSeen
from collector.judged import Counts
from collector.metrics_page import page
from tests.collector.test_health import STATUS

ROOT = Path(__file__).resolve().parents[2]
SAMPLE = re.compile(r'(shouwang_[a-z_]+)(\{(?:[a-z]+="(?:\\.|[^"\\])*",?)+\})? (-?[0-9.]+)')
UNITS = ("seconds", "bytes", "ratio")


def test_every_line_is_a_head_or_a_sample_and_each_family_stands_once():
    lines = prometheus(STATUS).splitlines()
    assert all(line.startswith("# ") or SAMPLE.fullmatch(line) for line in lines)
    heads = [line.split()[1:3] for line in lines if line.startswith("# ")]
    assert heads[::2] == [["HELP", name] for _, name in heads[1::2]]
    assert len({name for _, name in heads}) == len(heads) / 2


def test_what_the_watch_says_stands_in_base_units():
    lines = prometheus(STATUS).splitlines()
    assert 'shouwang_part_up{part="link"} 0' in lines
    assert "shouwang_readings_total 12" in lines
    assert 'shouwang_consumer_depth{consumer="store"} 3' in lines
    assert 'shouwang_consumer_lag_seconds{consumer="store"} 0.25' in lines
    assert "shouwang_journal_pending_ratio 0.125" in lines
    assert "shouwang_journal_age_seconds 3600" in lines
    assert 'shouwang_device_seen_timestamp_seconds{site="riverside",device="box"} 4' in lines
    assert (
        'shouwang_device_clock_skew_seconds{site="riverside",device="box",by="arrival"} -3.5'
        in lines
    )
    assert 'shouwang_device_up{site="riverside",device="new"} 0' in lines
    missing = 'shouwang_device_missing_readings{site="riverside",device="box",kind="waiting"} 4'
    assert missing in lines
    assert 'shouwang_device_flooded_total{site="",device="unregistered devices"} 9' in lines
    assert 'shouwang_outbox_notices{state="retrying"} 2' in lines
    assert 'shouwang_notices_total{outcome="accepted"} 5' in lines


def test_a_label_cannot_break_the_text():
    parts = (replace(STATUS.parts[0], name='a"b\\c\nd'),)
    lines = prometheus(replace(STATUS, parts=parts)).splitlines()
    assert r'shouwang_part_up{part="a\"b\\c\nd"} 0' in lines
    assert all(line.startswith("# ") or SAMPLE.fullmatch(line) for line in lines)


def test_a_histogram_counts_up_to_each_bound():
    lines = prometheus(STATUS).splitlines()
    buckets = [line for line in lines if line.startswith("shouwang_rules_delay_seconds_bucket")]
    assert len(buckets) == len(BOUNDS_S) + 1
    assert 'shouwang_rules_delay_seconds_bucket{le="0.005"} 3' in buckets
    assert buckets[-1] == 'shouwang_rules_delay_seconds_bucket{le="+Inf"} 4'
    assert "shouwang_rules_delay_seconds_count 4" in lines
    assert "shouwang_rules_delay_seconds_sum 9000.012" in lines


def test_what_is_not_known_is_left_out():
    text = prometheus(replace(STATUS, journal_oldest_ms=None, disk_free_bytes=None, letters={}))
    for name in ("journal_age_seconds", "disk_free_bytes", "dead_letters", "uplink_sent_total"):
        assert PREFIX + name not in text
    delays = Delays()
    assert "store_delay" not in text
    assert "store_delay_seconds_count 0" in prometheus(replace(STATUS, delays={"store": delays}))


def test_names_follow_the_conventions():
    for family in FAMILIES:
        assert re.fullmatch(r"[a-z_]+", family.name), family.name
        assert family.name.endswith("_total") == (family.kind is Kind.COUNTER), family.name
        assert family.text.endswith("."), family.name
        named = [unit for unit in ("ms", "minutes", "percent", "share", "kb", "mb") if
                 unit in family.name.split("_")]  # fmt: skip
        assert named == [], family.name
        if family.kind is Kind.HISTOGRAM:
            assert family.name.endswith(UNITS), family.name
    names = [family.name for family in FAMILIES]
    assert len(set(names)) == len(names)


def test_whatever_is_counted_has_its_line():
    told = {family.name for family in FAMILIES}
    assert {f"{name}_total" for name in Counts.__slots__} <= told


def test_the_page_of_metrics_is_what_the_table_makes_it():
    told = (ROOT / "docs/metrics.md").read_text("utf-8")
    assert told == page(), "run python -m collector.metrics_page > docs/metrics.md"


def test_the_empty_outbox_is_told_as_well():
    text = prometheus(replace(STATUS, outbox=OutboxSeen()))
    assert 'shouwang_outbox_notices{state="waiting"} 0' in text
    assert "shouwang_outbox_stuck_seconds 0" in text
