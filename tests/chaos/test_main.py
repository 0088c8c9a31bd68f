"""What the command says; the experiments themselves have tests of their own."""

import io

import orjson
from rich.console import Console

from tests.chaos.__main__ import EXPERIMENTS, done, main, table, write
from tests.chaos.balance import Balance
from tests.chaos.scene import Report

GOOD = Report(
    name="good",
    seconds=5,
    seed=1,
    balances={"readings": Balance(issued=1234, stored=1230, dead=1, dropped=1, waiting=2)},
    figures={"kill_broker": 3},
)
BAD = Report(name="bad", seconds=5, seed=2, complaints=["the moon fell"], story=["1 s left: look"])


def test_the_table_has_the_balance_and_says_what_does_not_hold() -> None:
    out = io.StringIO()
    Console(width=100, file=out).print(table([GOOD, BAD]))
    good, bad = (
        [cell.strip() for cell in line.strip("│").split("│")]
        for line in out.getvalue().splitlines()
        if line.startswith("│")
    )
    assert good == ["good", "1,234", "1,230", "1", "1", "2", "yes"]
    assert bad == ["bad", "", "", "", "", "", "no"]
    assert done(GOOD) == "good: kill broker 3"


def test_what_was_found_is_written_with_its_seed_its_problems_and_its_story(tmp_path) -> None:
    good, bad = orjson.loads(write("both", [GOOD, BAD], tmp_path / "chaos").read_bytes())
    assert good["balances"]["readings"]["stored"] == 1230
    assert good["problems"] == []
    assert (bad["seed"], bad["problems"], bad["story"]) == (2, BAD.complaints, BAD.story)


def test_an_unknown_experiment_is_named_with_those_that_there_are(capsys) -> None:
    assert main(["moonfall"]) == 2
    told = capsys.readouterr().out
    assert "moonfall" in told
    assert all(name in told for name in EXPERIMENTS)
