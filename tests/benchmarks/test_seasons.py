"""The benchmark of seasons writes a table that the page can read, and lists what is recorded."""

import json

import benchmarks.seasons as bench


def test_the_table_is_written_one_rule_to_a_line(tmp_path) -> None:
    table: bench.Notices = {"eb-b": {"10": (3, 3, 12, 15)}, "eb-a": {"60": (0, 3, None, None)}}
    bench.write(table, tmp_path / "notices.json")
    text = (tmp_path / "notices.json").read_text()
    assert [line.split(":")[0].strip() for line in text.splitlines()[1:-1]] == ['"eb-a"', '"eb-b"']
    assert json.loads(text) == {"eb-a": {"60": [0, 3, None, None]}, "eb-b": {"10": [3, 3, 12, 15]}}


def test_the_week_that_comes_with_the_demo_is_always_there() -> None:
    assert "week_at_main_street" in dict(bench._recordings())
