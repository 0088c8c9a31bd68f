"""The notices' benchmark in small: its past is one that the pages can read, and nothing is lost."""

import asyncio
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.incidents.model import State
from alerts.store.operations import Operations
from benchmarks import notices
from benchmarks.drain.latency import share
from benchmarks.telling.commit import commits, prepare
from benchmarks.telling.overview import overview
from benchmarks.telling.way import way
from tests.services.servers import Postgres


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'operations.db'}"


def test_the_past_of_the_estate_is_one_that_the_pages_can_read(url: str) -> None:
    prepare(url, is_open=20, closed=30)
    with Operations(url) as operations:
        found = operations.open_incidents()
        assert len(found) == 20
        assert {each.state for each in found} == set(State) - {State.PENDING, State.CLOSED}
        closed = operations.incidents(open=False)
        assert len(closed) == 30
        kinds = [line.kind for line in operations.story(closed[0].id)]
        assert kinds == ["opened", "told", "recovered", "closed"]
        assert len(operations.duties(open=False)) == 30
        assert operations.due(datetime.now(UTC), 10) == []
        assert operations.climb(datetime.now(UTC)) == 0


def test_each_decision_is_committed_with_its_notice_and_sent(url: str) -> None:
    prepare(url, 0, 0)
    took_ms, cpu_ms = asyncio.run(commits(url, 5, per_s=50))
    assert len(took_ms) == 5
    assert 0 < share(took_ms, 0.5) < 10_000
    assert cpu_ms > 0
    with Operations(url) as operations:
        assert len(operations.notices()) == 10  # five more that warm it


def test_queries_and_page_are_timed(url: str, tmp_path: Path) -> None:
    prepare(url, 10, 10)
    figures = overview("", url, tmp_path / "desk", looks=3)
    assert set(figures) == {"overview_ms", "overview_cpu_ms", "polls_ms", "page_ms"}
    assert all(float(figure) > 0 for figure in figures.values())


@pytest.mark.mosquitto
@pytest.mark.influxdb
@pytest.mark.timeout(180)
def test_each_breach_is_timed_to_the_webhook(tmp_path: Path) -> None:
    figures, _ = way(tmp_path / "way", per_s=50, pages_per_s=2, seconds=2, warm_s=0.5)
    assert (figures["notices_missing"], figures["notices_doubled"]) == (0, 0)
    assert (
        float(figures["reading_to_webhook_p99_ms"])
        >= float(figures["reading_to_webhook_p50_ms"])
        > 0
    )


@pytest.mark.postgres
def test_figures_of_postgresql_have_names_of_their_own(postgres_server: Postgres) -> None:
    figures = notices.commit_figures([("_postgres", postgres_server.new_database)], 3)
    assert set(figures) == {f"commit_postgres_{unit}_ms" for unit in ("p50", "p99", "cpu")}
    assert notices._named("way_msgs_per_s", "_postgres") == "way_msgs_postgres_per_s"
    name = notices._named("reading_to_webhook_p99_ms", "_postgres")
    assert name in notices.WANTED


def test_a_part_that_does_not_exist_is_named(monkeypatch, capsys) -> None:
    monkeypatch.setattr(sys, "argv", ["notices", "--only", "commit,wya"])
    with pytest.raises(SystemExit) as ended:
        notices.main()
    assert ended.value.code == 2
    assert "no such part: wya" in capsys.readouterr().err
