"""The schema: migrations and tables are the same, and set_up is safe to repeat."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from alerts.registry.model import Rota, Turn
from alerts.store import database as databases
from alerts.store.database import HEAD, MIGRATIONS, Database
from alerts.store.errors import StoreMisfit, StoreUnavailable
from alerts.store.operations import Operations
from alerts.store.tables import METADATA
from tests.alerts.incidents.community import NOW, REGISTRY, says
from tests.alerts.store.conftest import PACKS

ROTA = Rota(post="guard", turns=(Turn(person="wen", since="18:20", until="20:00"),))


@pytest.fixture
def database(url):
    database = Database(url)
    yield database
    database.close()


def test_migrations_build_what_the_tables_say(database):
    database.set_up()
    with database.read() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, METADATA) == []


def test_notices_of_before_survive_that_some_are_of_no_incident(database, url):
    """SQLite makes the table anew for that."""
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    with database.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0011")
        connection.execute(text("INSERT INTO cell (id, name, revision, mark) VALUES (1, '', 0, 0)"))
    with Operations(url, packs=PACKS) as operations:
        operations.save_registry(replace(REGISTRY, rotas=(ROTA,)), "x", "y", NOW)
        operations.take([says(1)], PACKS, NOW)
        before = operations.notices()
        operations.set_up()
        assert operations.notices() == before
        assert len(before) == 1
        assert operations.remind_of_turns(NOW) == 2
        assert [one.incident for one in operations.notices()] == [0, 0, before[0].incident]


def test_the_named_head_is_the_newest_migration():
    config = Config()
    config.set_main_option("script_location", str(MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_set_up_twice_changes_nothing(database):
    database.set_up()
    with database.write():
        pass
    database.set_up()
    with database.read() as connection:
        assert connection.execute(text("SELECT mark FROM cell")).scalars().all() == [1]


def test_watch_and_desk_may_set_up_at_once(url):
    databases = [Database(url) for _ in range(2)]
    with ThreadPoolExecutor(2) as threads:
        list(threads.map(Database.set_up, databases))
    with databases[0].read() as connection:
        assert connection.execute(text("SELECT id FROM cell")).scalars().all() == [1]
    for database in databases:
        database.close()


def test_a_database_of_a_newer_version_is_refused_with_the_remedy(database):
    database.set_up()
    with database.write() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = '9999'"))
    with pytest.raises(StoreMisfit, match="newer version"):
        database.set_up()


def test_sqlite_waits_syncs_and_keeps_references(tmp_path):
    database = Database(f"sqlite:///{tmp_path / 'o.db'}")
    with database.read() as connection:
        found = {
            name: connection.execute(text(f"PRAGMA {name}")).scalar_one()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        }
    assert found == {
        "journal_mode": "wal",
        "synchronous": 2,
        "foreign_keys": 1,
        "busy_timeout": 5000,
    }
    database.close()


def test_a_second_writer_waits_for_the_first(tmp_path):
    """Both read before they write: without BEGIN IMMEDIATE one of them would be refused."""
    url = f"sqlite:///{tmp_path / 'o.db'}"
    Database(url).set_up()

    def raise_mark(_: int) -> None:
        database = Database(url)
        with database.write() as connection:
            connection.execute(text("SELECT mark FROM cell")).all()
        database.close()

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(raise_mark, range(20)))
    with Operations(url) as operations:
        assert operations.mark() == 20


def test_a_failure_inside_a_transaction_writes_nothing(database):
    database.set_up()

    def fail_half_way() -> None:
        with database.write() as connection:
            connection.execute(text("UPDATE cell SET mark = 7"))
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail_half_way()
    with database.read() as connection:
        assert connection.execute(text("SELECT mark FROM cell")).scalar_one() == 0


def test_a_database_that_somebody_holds_proves_nothing(tmp_path, monkeypatch):
    monkeypatch.setattr(databases, "BUSY_MS", 50)
    path = tmp_path / "operations.db"
    with Operations(f"sqlite:///{path}") as operations:
        operations.set_up()
        holder = sqlite3.connect(path, isolation_level=None)
        holder.execute("BEGIN IMMEDIATE")
        with pytest.raises(StoreUnavailable, match="locked"):
            operations.prove()
        holder.execute("ROLLBACK")
        holder.close()
        operations.prove()


def test_what_cannot_be_opened_is_unavailable_and_says_where(tmp_path):
    operations = Operations(f"sqlite:///{tmp_path}/no/such/folder/o.db")
    with pytest.raises(StoreUnavailable, match="no/such/folder"):
        operations.set_up()


@pytest.mark.parametrize("url", ["not a url", "oracledb9://x/y"])
def test_a_url_that_means_nothing_is_a_misfit(url):
    with pytest.raises(StoreMisfit):
        Operations(url)


def test_a_password_in_the_url_is_masked():
    url = "postgresql://watch:hunter2@db.example/x"
    try:
        shown = repr(Database(url))
    except StoreMisfit as error:  # this machine has no driver for it
        shown = str(error)
    assert "db.example" in shown
    assert "hunter2" not in shown


def test_migrations_lie_where_the_wheel_packs_them():
    assert (MIGRATIONS / "env.py").is_file()
    assert list((MIGRATIONS / "versions").glob("0001_*.py"))
    assert Path(__file__).parents[3] / "alerts" / "store" / "migrations" == MIGRATIONS
