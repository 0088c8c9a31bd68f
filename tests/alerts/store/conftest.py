"""The operations database on SQLite and on PostgreSQL."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from alerts.incidents.climb import Before
from alerts.notify.notice import NoticeReason
from alerts.store.operations import Operations
from tests.alerts.incidents.community import NOW, REGISTRY

Opener = Callable[..., Operations]


class Rules:
    """No words of rules: the tests' ``words`` needs none."""

    rules: dict[str, Any] = {"charging.feeder": None, "another": None}  # noqa: RUF012


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
    before: Before | None = None,
) -> tuple[str, str]:
    text = f"{language} {to.id} {step} {link}"
    if before is not None:
        text += f" after {', '.join(before.names) or 'nobody'}"
        text += " who declined" if before.declined else f" in {before.waited.seconds} s"
    return f"{reason} {incident.id}", text


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "postgres":
        database: str = request.getfixturevalue("postgres_server").new_database()
        return database
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
