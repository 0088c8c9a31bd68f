"""The connection to the operations database: SQLite by default, PostgreSQL by URL."""

import sqlite3
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import (
    Connection,
    Engine,
    create_engine,
    event,
    insert,
    inspect,
    select,
    text,
    update,
)
from sqlalchemy import exc as sql
from sqlalchemy.engine import make_url

from alerts.store import tables as t
from alerts.store.errors import StoreMisfit, StoreUnavailable

HEAD = "0011"  # the newest migration; a test compares it with migrations/versions
BUSY_MS = 5000  # the desk waits so long for the watch's transaction, and the watch for the desk's
SET_UP_LOCK = 0x53574D  # any number, the same in every process
MIGRATIONS = Path(__file__).parent / "migrations"

_ONE_THAT_ENDS = {"options": "-c idle_in_transaction_session_timeout=15s"}
"""A process that is stopped in the middle of a transaction must not keep its locks for ever."""


class Fence(Protocol):
    """What stands before the work of a process that may lose its right to write."""

    def stand(self) -> None:
        """Raises when there is to be no work now."""

    def check(self, connection: Connection) -> None:
        """Raises when this transaction must not write; what it has locked stays so to the commit."""


class Database:
    """Short transactions; writers queue before they read (SQLite: BEGIN IMMEDIATE)."""

    fence: Fence | None = None
    """Set by the watch, for all that it does here; the desk and the commands have none."""

    def __init__(self, url: str) -> None:
        try:
            parsed = make_url(url)
        except sql.ArgumentError as error:
            raise StoreMisfit(
                "the operations database's URL cannot be read; write e.g. "
                "sqlite:////var/lib/shouwang/operations.db"
            ) from error
        if parsed.get_backend_name() == "postgresql" and parsed.drivername == "postgresql":
            parsed = parsed.set(drivername="postgresql+psycopg")
        self._shown = parsed.render_as_string(hide_password=True)
        try:
            if _is_sqlite(parsed.drivername):
                self._engine = create_engine(parsed)
            else:
                self._engine = create_engine(
                    parsed, pool_pre_ping=True, connect_args=_ONE_THAT_ENDS
                )
        except (sql.NoSuchModuleError, ModuleNotFoundError) as error:
            raise StoreMisfit(
                f"{self._shown}: no driver for it; PostgreSQL needs pip install shouwang[postgres]"
            ) from error
        if self._engine.dialect.name == "sqlite":
            _teach_sqlite(self._engine)

    def __repr__(self) -> str:
        return f"Database({self._shown!r})"

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent look."""
        if self.fence is not None:
            self.fence.stand()
        with self._errors(), self._engine.connect() as connection, connection.begin():
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """One transaction: all of it, or nothing. It moves ``mark``."""
        with self._fenced() as connection:
            yield connection
            connection.execute(update(t.cell).values(mark=t.cell.c.mark + 1))

    def prove(self) -> None:
        """A transaction that writes what stands there already; it moves no ``mark``."""
        with self._fenced() as connection:
            connection.execute(update(t.cell).values(mark=t.cell.c.mark))

    def set_up(self) -> None:
        """Bring the schema to ``HEAD``; quick when it is there already."""
        if self.is_set_up():
            return
        # Alembic is heavy and rarely needed.
        from alembic import command
        from alembic.config import Config
        from alembic.util import CommandError

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        # Under the write lock from the start: the watch and the desk may both come to this.
        with self.begin() as connection:
            if connection.dialect.name == "postgresql":
                connection.execute(text(f"SELECT pg_advisory_xact_lock({SET_UP_LOCK})"))
            config.attributes["connection"] = connection
            try:
                command.upgrade(config, "head")
            except CommandError as error:
                raise StoreMisfit(
                    f"{self._shown}: {error}. The database was made by a newer version; "
                    "upgrade this program, or restore a backup"
                ) from error
            if connection.execute(select(t.cell.c.id)).first() is None:
                connection.execute(insert(t.cell).values(id=1, name="cell", revision=0, mark=0))

    def is_set_up(self) -> bool:
        """Whether the schema is at ``HEAD``."""
        return self._version() == HEAD

    def close(self) -> None:
        self._engine.dispose()

    def _version(self) -> str | None:
        with self._errors(), self._engine.connect() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            version: str | None = connection.scalar(text("SELECT version_num FROM alembic_version"))
            return version

    @contextmanager
    def _fenced(self) -> Iterator[Connection]:
        if self.fence is not None:
            self.fence.stand()
        with self.begin() as connection:
            if self.fence is not None:
                self.fence.check(connection)
            yield connection

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """A transaction that no fence stands before, and that moves no ``mark``."""
        with self._errors(), self._engine.connect() as connection:
            writer = connection.execution_options(writes=True)
            with writer.begin():
                yield writer

    @contextmanager
    def _errors(self) -> Iterator[None]:
        try:
            yield
        except (sql.OperationalError, sql.InterfaceError, sql.TimeoutError) as error:
            cause = getattr(error, "orig", None) or error
            raise StoreUnavailable(
                f"{self._shown}: {cause}. Nothing was written; it is tried again"
            ) from error


def _is_sqlite(drivername: str) -> bool:
    return drivername.split("+", maxsplit=1)[0] == "sqlite"


def _teach_sqlite(engine: Engine) -> None:
    """WAL, foreign keys, a patient lock, and transactions that begin where we say."""

    @event.listens_for(engine, "connect")
    def on_connect(connection: Any, record: Any) -> None:
        # pysqlite would begin transactions of its own, and only at the first INSERT.
        connection.isolation_level = None
        cursor = connection.cursor()
        cursor.execute(f"PRAGMA busy_timeout={BUSY_MS}")
        _use_wal(cursor)
        # FULL: the rules' snapshot is saved after this commit, and must not outlive it.
        cursor.execute("PRAGMA synchronous=FULL")
        cursor.execute("PRAGMA foreign_keys=ON")
        cursor.close()

    @event.listens_for(engine, "begin")
    def on_begin(connection: Connection) -> None:
        # A reader that turns writer would fail at once instead of waiting, so writers say so.
        writes = connection.get_execution_options().get("writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")


def _use_wal(cursor: Any) -> None:
    """Two processes that open a new file at once: SQLite does not wait for its lock here."""
    until_s = time.monotonic() + BUSY_MS / 1000
    while True:
        try:
            cursor.execute("PRAGMA journal_mode=WAL")
            return
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until_s:
                raise
        time.sleep(0.02)
