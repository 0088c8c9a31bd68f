import json

from benchmarks.report import report
from benchmarks.store import measure


async def test_the_store_is_measured_on_what_it_holds(tmp_path):
    figures, notes = await measure(tmp_path / "store.sqlite3", series=5, days=2)
    assert figures["values_measured"] == 2 * 288 * 5
    assert set(notes) <= set(figures)
    assert (
        0 < float(figures["year_100_series_mb"]) < 3000
    )  # pages of an almost empty file weigh most


def test_a_report_is_flat_and_names_the_machine(tmp_path, capsys):
    path = report("store", {"chart_30_days_ms": 3.5}, {"chart_30_days_ms": "median"}, tmp_path)
    found = json.loads(path.read_text("utf-8"))
    assert path.name == "store.json"
    assert found["chart_30_days_ms"] == 3.5
    assert {"machine", "cores", "python", "measured_at"} < set(found)
    assert "median" in capsys.readouterr().out
