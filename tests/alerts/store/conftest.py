"""The operations database on SQLite, and on PostgreSQL where the environment names one."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import MetaData, create_engine

from alerts.notify.notice import NoticeReason
from alerts.store.operations import Operations
from tests.alerts.incidents.community import NOW, REGISTRY
from tests.services.servers import find_postgres_url

Opener = Callable[..., Operations]


class Rules:
    """No words of rules: the tests' ``words`` needs none."""

    rules: dict[str, Any] = {}  # noqa: RUF012


PACKS = Rules()


def words(
    rule: object,
    incident: Any,
    registry: object,
    language: str,
    reason: NoticeReason,
    link: str,
    now: object,
    *,
    to: Any,
    group: bool,
    step: int,
) -> tuple[str, str]:
    return f"{reason} {incident.id}", f"{language} {to.id} {step} {link}"


def postgres_url() -> str:
    """The server of the environment, emptied."""
    url = find_postgres_url().replace("postgresql://", "postgresql+psycopg://", 1)
    engine = create_engine(url)
    with engine.begin() as connection:
        there = MetaData()
        there.reflect(connection)
        there.drop_all(connection)
    engine.dispose()
    return url


# No recipe of `make services` brings PostgreSQL yet, so its absence is no failure: it is left out.
SERVERS = ["sqlite"]
if os.environ.get("SHOUWANG_POSTGRES_URL"):
    SERVERS.append("postgres")


@pytest.fixture(params=SERVERS)
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        return postgres_url()
    return f"sqlite:///{tmp_path / 'operations.db'}"


@pytest.fixture
def opener(url: str) -> Iterator[Opener]:
    """Opens the same database once more, as another process would."""
    opened: list[Operations] = []

    def open_one(**options: Any) -> Operations:
        operations = Operations(url, words=words, packs=PACKS, **options)
        operations.set_up()
        opened.append(operations)
        return operations

    yield open_one
    for operations in opened:
        operations.close()


@pytest.fixture
def operations(opener: Opener) -> Operations:
    """Empty but for the registry."""
    operations = opener()
    operations.save_registry(REGISTRY, "engineer", "first import", NOW)
    return operations
