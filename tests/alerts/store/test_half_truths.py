"""The line to PostgreSQL breaks at a commit, and nobody knows whether it was done: the repeat is harmless."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import timedelta

import pytest
from sqlalchemy import make_url

from alerts.incidents.acts import Done
from alerts.notify.outcome import Accepted
from alerts.rules.transition import Change
from alerts.store.errors import StoreUnavailable
from alerts.store.lease import Taken
from alerts.store.operations import Operations
from alerts.words import Severity
from tests.alerts.incidents.community import NOW, REGISTRY, polluted, says
from tests.alerts.store.commit_proxy import CommitProxy, Cut
from tests.alerts.store.conftest import PACKS, words

pytestmark = [pytest.mark.postgres, pytest.mark.timeout(120)]
LATER = NOW + timedelta(minutes=6)
Open = Callable[[str], Operations]
Step = Callable[[Operations], object]


@pytest.fixture
def proxy(postgres_server) -> Iterator[CommitProxy]:
    with CommitProxy(postgres_server.port) as proxy:
        yield proxy


@pytest.fixture
def open_one() -> Iterator[Open]:
    opened: list[Operations] = []

    def open_one(url: str) -> Operations:
        opened.append(Operations(url, words=words, packs=PACKS))
        return opened[-1]

    yield open_one
    for operations in opened:
        operations.close()


def settled(operations: Operations) -> None:
    for notice in operations.due(NOW, 10):
        operations.settle(notice.id, Accepted("HTTP 200"), NOW)


def acknowledged(operations: Operations) -> None:
    (incident, *_) = operations.open_incidents()
    assert isinstance(operations.acknowledge(incident.id, "mei", "test", LATER), Done)


STEPS: dict[str, Step] = {
    "opened": lambda it: it.take([says(1, severity=Severity.CRITICAL), polluted(1)], PACKS, NOW),
    "accepted": settled,
    "climbed": lambda it: it.climb(LATER),
    "taken over": acknowledged,
    "cleared": lambda it: it.take([says(2, Change.CLEARED)], PACKS, LATER),
}


def everything(operations: Operations) -> object:
    """All but the numbers of rows: PostgreSQL gives none twice, not even that of a row it rolled back."""
    incidents = operations.incidents()
    stories = [operations.story(one.id) for one in incidents]
    considered = [[replace(row, incident=0) for row in operations.why(one.id)] for one in incidents]
    notices = [
        replace(notice, id=0, incident=0, title="", text="", link="")
        for notice in operations.notices()
    ]
    bare = [replace(incident, id=0) for incident in incidents]
    return bare, stories, considered, notices, operations.transitions()


def prepare(url: str) -> None:
    with Operations(url) as operations:
        operations.set_up()
        operations.save_registry(REGISTRY, "me", "first", NOW)


@pytest.mark.parametrize("cut", ["before", "behind"])
def test_whatever_commit_the_line_breaks_at_the_repeat_leaves_what_no_break_leaves(
    postgres_server, proxy: CommitProxy, open_one: Open, cut: Cut
):
    calm_url, torn_url = postgres_server.new_database(), postgres_server.new_database()
    for url in (calm_url, torn_url):
        prepare(url)
    calm = open_one(calm_url)
    torn = open_one(make_url(torn_url).set(port=proxy.port).render_as_string(hide_password=False))
    for name, step in STEPS.items():
        step(calm)
        proxy.cut = cut
        with pytest.raises(StoreUnavailable):
            step(torn)
        assert proxy.cut is None, name
        step(torn)
    assert everything(torn) == everything(calm)
    assert proxy.cuts == len(STEPS)


def test_a_lease_whose_taking_was_never_answered_is_taken_again_by_the_same_watch(
    postgres_server, proxy: CommitProxy, open_one: Open
):
    prepare(url := postgres_server.new_database())
    through = make_url(url).set(port=proxy.port).render_as_string(hide_password=False)
    lease = open_one(through).lease("here", "j1")
    proxy.cut = "behind"
    with pytest.raises(StoreUnavailable):
        lease.take()
    assert lease.epoch == 0
    assert isinstance(taken := lease.take(), Taken)
    assert (taken.epoch, taken.before) == (2, "here")
