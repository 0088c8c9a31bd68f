"""`shouwang drill`: asks, tells, shows the receipts, and says when nothing was taken."""

import threading
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from alerts.notify.outcome import Accepted
from alerts.store.operations import Operations
from collector.cli import main
from edge.clock import Clock
from tests.collector.village import settle

CALL = ["drill", "riverside/shed-2", "eb-smoke", "--yes", "--who", "王经理", "--why", "季度演练"]


@pytest.fixture
def cell(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    settle(tmp_path, "mqtt://127.0.0.1:1")
    return tmp_path


def house(cell: Path) -> Operations:
    return Operations(f"sqlite:///{cell / 'state' / 'operations.db'}")


def where(cell: Path) -> list[str]:
    with house(cell) as operations:
        place = operations.registry().places[0]
    return ["drill", f"{place.site}/{place.id}", *CALL[2:]]


def test_the_receipts_are_shown(cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    done = threading.Event()

    def dispatch() -> None:
        with house(cell) as operations:
            while not done.wait(0.05):
                for notice in operations.due(datetime.now(UTC), 9):
                    operations.settle(notice.id, Accepted(proof="250 ok"), datetime.now(UTC))

    thread = threading.Thread(target=dispatch)
    thread.start()
    try:
        assert main(where(cell)) == 0
    finally:
        done.set()
        thread.join()
    said = capsys.readouterr().out
    assert "已受理" in said
    assert "对方的话" in said
    assert "250 ok" in said
    with house(cell) as operations:
        (incident,) = operations.open_incidents()
        assert incident.is_drill
    assert main(where(cell)) == 2
    assert "同样的演练还没结束" in capsys.readouterr().err


def test_when_no_watch_runs_it_says_so(cell: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*where(cell), "--wait", "0.1"]) == 3
    assert "is `shouwang serve` running?" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (["drill", "far/away", "eb-smoke", "--yes"], "there is no place 'far/away'"),
        (
            ["drill", "x/y", "eb-smok", "--yes"],
            "there is no rule 'eb-smok'; did you mean 'eb-smoke'?",
        ),
        (["drill", "x/y", "?", "--yes"], "use one of: dev-clock"),
        ([*CALL, "--minutes", "480"], "--minutes 480: from above 0 to 240 minutes"),
        ([*CALL, "--wait", "0"], "--wait 0"),
    ],
)
def test_a_wrong_call_tells_nobody(
    cell: Path, capsys: pytest.CaptureFixture[str], call: list[str], words: str
) -> None:
    assert main(call) == 2
    assert words in capsys.readouterr().err
    with house(cell) as operations:
        assert operations.open_incidents() == []


def test_without_a_yes_nobody_is_told(
    cell: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("builtins.input", lambda words: "n")
    assert main([word for word in where(cell) if word != "--yes"]) == 2
    assert "nobody was told" in capsys.readouterr().err


def test_on_a_demos_data_it_keeps_the_demos_time(cell: Path) -> None:
    began = datetime(2026, 3, 1, 10, tzinfo=UTC)
    clock = Clock(time.time(), began.timestamp(), 360.0)
    (cell / "state" / "clock").write_text(clock.spell(), "ascii")
    assert main([*where(cell), "--wait", "0.1"]) == 3
    with house(cell) as operations:
        (incident,) = operations.open_incidents()
        assert began <= incident.opened_at < began + timedelta(days=1)
