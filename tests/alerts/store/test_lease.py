"""The lease: of two watches over one cell, one writes; the other stands by, or ends."""

import threading

import pytest
from sqlalchemy import text

from alerts.store.errors import LeaseLost, StoreUnavailable
from alerts.store.lease import TTL_MS, Held, Taken
from alerts.store.operations import Operations
from tests.alerts.incidents.community import NOW, REGISTRY, polluted
from tests.alerts.store.conftest import PACKS, Opener


class Watch:
    """A process that watches: its database, its lease, and a clock of the test's."""

    def __init__(self, operations: Operations, name: str) -> None:
        self.operations = operations
        self.lease = operations.lease(f"{name}/journal-of-{name}", f"journal-of-{name}")
        self.lease._monotonic_s = lambda: self.now_s
        self.now_s = 1000.0

    def writes(self, position: int = 1) -> None:
        self.operations.take([polluted(position)], PACKS, NOW)


@pytest.fixture
def first(opener: Opener) -> Watch:
    operations = opener()
    operations.save_registry(REGISTRY, "engineer", "first import", NOW)
    return Watch(operations, "first")


@pytest.fixture
def second(first: Watch, opener: Opener) -> Watch:
    return Watch(opener(), "second")


@pytest.fixture
def desk(first: Watch, opener: Opener) -> Operations:
    return opener()


def run_out(desk: Operations) -> None:
    """As if it had not been renewed for its whole term."""
    with desk._database.begin() as connection:
        connection.execute(text("UPDATE lease SET until_ms = 1"))


def test_nothing_is_read_or_written_before_the_lease_is_taken(first):
    for work in (first.writes, first.operations.incidents, first.operations.prove):
        with pytest.raises(StoreUnavailable, match="lease"):
            work()
    assert isinstance(first.lease.take(), Taken)
    first.writes()
    assert len(first.operations.incidents()) == 1


def test_the_second_stands_by_and_says_for_whom(first, second):
    assert first.lease.take() == Taken(epoch=1, before="", journal_before="", until_ms=0)
    held = second.lease.take()
    assert isinstance(held, Held)
    assert held.holder == "first/journal-of-first"
    assert 0 < held.left_ms <= TTL_MS
    assert "first/journal-of-first keeps watch" in str(held)
    with pytest.raises(StoreUnavailable):
        second.writes()


def test_a_watch_that_begins_again_need_not_wait_for_itself(first, opener):
    first.lease.take()
    again = Watch(opener(), "first")
    taken = again.lease.take()
    assert isinstance(taken, Taken)
    assert (taken.epoch, taken.journal_before) == (2, "journal-of-first")
    with pytest.raises(LeaseLost):
        first.writes()


def test_one_that_was_given_up_is_free_at_once(first, second):
    first.lease.take()
    first.lease.give_up()
    assert isinstance(second.lease.take(), Taken)


def test_who_gives_up_what_was_taken_from_him_takes_nothing_away(first, second, desk, opener):
    first.lease.take()
    run_out(desk)
    second.lease.take()
    first.lease.give_up()
    assert isinstance(Watch(opener(), "third").lease.take(), Held)


def test_a_holder_stopped_past_its_term_and_continued_commits_nothing(first, second, desk):
    first.lease.take()
    first.writes(1)
    run_out(desk)
    taken = second.lease.take()
    assert isinstance(taken, Taken)
    assert (taken.before, taken.journal_before) == ("first/journal-of-first", "journal-of-first")
    before = desk.mark(), desk.transitions()
    for work in (lambda: first.writes(2), first.operations.prove):
        with pytest.raises(LeaseLost, match=r"second/journal-of-second .*epoch 2, ours was 1"):
            work()
    with pytest.raises(LeaseLost):
        first.lease.renew()
    assert (desk.mark(), desk.transitions()) == before
    second.writes(2)


def test_by_its_own_clock_it_knows_without_asking_that_the_term_is_over(first):
    first.lease.take()
    first.now_s += TTL_MS / 1000
    with pytest.raises(StoreUnavailable, match="run out"):
        first.operations.due(NOW, 10)
    first.lease.renew()
    first.operations.due(NOW, 10)


def test_one_that_ran_out_and_that_nobody_took_is_taken_anew(first, desk):
    first.lease.take()
    run_out(desk)
    with pytest.raises(StoreUnavailable, match="run out"):
        first.writes()
    first.lease.renew()
    assert first.lease.epoch == 2
    first.writes()


def test_renewing_holds_it_for_another_term(first, second, desk):
    first.lease.take()
    with desk._database.begin() as connection:
        connection.execute(text("UPDATE lease SET until_ms = until_ms - :ms"), {"ms": TTL_MS - 500})
    first.lease.renew()
    held = second.lease.take()
    assert isinstance(held, Held)
    assert held.left_ms > TTL_MS / 2
    assert first.lease.epoch == 1


def test_people_write_without_a_lease(first, desk):
    first.lease.take()
    first.writes()
    (incident,) = desk.incidents()
    desk.comment(incident.id, "mei", "looking", "web", NOW)


def test_a_taking_waits_for_what_the_holder_is_committing(first, second, desk):
    first.lease.take()
    begun, answers = threading.Event(), []

    def take_over() -> None:
        begun.wait()
        answers.append(second.lease.take())

    taker = threading.Thread(target=take_over)
    taker.start()
    with first.operations._database.write() as connection:
        begun.set()
        taker.join(0.5)
        assert answers == []
        connection.execute(text("UPDATE cell SET name = 'written in time'"))
    taker.join()
    assert isinstance(answers[0], Held)  # its term was not over yet
