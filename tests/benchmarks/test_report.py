"""A figure stands beside what was wanted of it, and the file holds figures alone."""

import json

import pytest

from benchmarks.report import Wanted, report


@pytest.mark.parametrize(
    ("wanted", "figure", "is_met"),
    [
        (Wanted(least=4.0), 4.0, True),
        (Wanted(least=4.0), 3.99, False),
        (Wanted(most=50), 50, True),
        (Wanted(most=50), 51, False),
        (Wanted(least=1, most=2), 3, False),
        (Wanted(least=1), "not measured", False),
    ],
)
def test_a_figure_meets_its_bounds_or_not(wanted, figure, is_met) -> None:
    assert wanted.is_met(figure) is is_met


def test_the_table_says_what_was_missed_and_the_file_holds_the_figures(tmp_path, capsys) -> None:
    figures = {"drain_msgs_per_s": 31_700, "rules_p99_ms": 80}
    wanted = {"drain_msgs_per_s": Wanted(least=30_000), "rules_p99_ms": Wanted(most=50)}
    path = report("some", figures, {"rules_p99_ms": "beside pages"}, tmp_path, wanted)
    told = capsys.readouterr().out.splitlines()
    (drain,) = [line for line in told if "drain_msgs_per_s" in line]
    (rules,) = [line for line in told if "rules_p99_ms" in line]
    assert "31,700" in drain
    assert "≥ 30,000 │ met" in drain
    assert "≤ 50 │ missed │ beside pages" in rules
    assert json.loads(path.read_text()).items() >= figures.items()
