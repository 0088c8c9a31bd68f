"""The images of a power cut keep what is synced and lose what is not: tried on SQLite itself."""

import random
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest

from tests.chaos import trace
from tests.chaos.images import PAGE, Disk
from tests.chaos.trace import Heard, Removed, Renamed, Resized, Sent, SyncBegan, Synced, Wrote

WRITER = """
import socket, sqlite3, sys
db = sqlite3.connect(sys.argv[1], isolation_level=None)
db.execute("PRAGMA journal_mode = WAL")
db.execute("PRAGMA wal_autocheckpoint = 20")
db.execute(f"PRAGMA synchronous = {sys.argv[2]}")
db.execute("CREATE TABLE number (number INTEGER)")
near, far = socket.socketpair()
for number in range(60):
    db.execute("INSERT INTO number VALUES (?)", (number,))
    near.send(b"%d" % number)
"""


def hexed(text: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in text.encode())


def test_a_trace_is_read_in_order_and_across_threads() -> None:
    file, socket = f"5<{hexed('/x/j')}>", f"7<{hexed('socket:[1]')}>"
    lines = [
        f'10 pwrite64({file}, "{hexed("ab")}", 2, 8) = 2',
        f"10 fdatasync({file} {trace.UNFINISHED}",
        f'11 sendto({socket}, "{hexed("early")}", 5, 0, NULL, 0) = 5',
        f'11 pwrite64({file}, "{hexed("cd")}", 2, 10 {trace.UNFINISHED}',
        "10 <... fdatasync resumed>) = 0",
        "11 <... pwrite64 resumed>) = 2",
        f"10 recvfrom({socket} {trace.UNFINISHED}",
        f'11 sendto({socket}, "{hexed("abc")}", 3, 0, NULL, 0) = 2',
        f'11 sendto({socket}, "{hexed("no")}", 2, 0, NULL, 0) = -1 EAGAIN (Resource temporarily unavailable)',
        f'10 <... recvfrom resumed>"{hexed("yes")}", 100, 0, NULL, NULL) = 3',
        f"10 ftruncate({file}, 4) = 0",
        f'10 rename("{hexed("/x/a")}", "{hexed("/x/b")}") = 0',
        f'10 unlink("{hexed("/x/a")}") = -1 ENOENT (No such file or directory)',
        f'10 unlink("{hexed("/x/b")}") = 0',
        "10 +++ killed by SIGKILL +++",
    ]
    assert list(trace.events(lines)) == [
        Wrote("/x/j", 8, b"ab"),
        SyncBegan("/x/j"),
        Sent("socket:[1]", b"early"),
        Wrote("/x/j", 10, b"cd"),
        Synced("/x/j"),
        Sent("socket:[1]", b"ab"),
        Heard("socket:[1]", b"yes"),
        Resized("/x/j", 4),
        Renamed("/x/a", "/x/b"),
        Removed("/x/b"),
    ]


def test_what_was_written_after_a_sync_began_is_not_synced_by_it() -> None:
    disk = Disk("/x/")
    for event in (
        Wrote("/x/j", 0, b"a" * PAGE),
        SyncBegan("/x/j"),
        Wrote("/x/j", 0, b"b" * PAGE),
        Synced("/x/j"),
        Synced("/x"),
    ):
        disk.take(event)
    chance = random.Random(1)
    firsts = {disk.image(chance)["/x/j"][:1] for _ in range(50)}
    assert firsts == {b"a", b"b"}


def test_a_file_may_be_gone_until_its_folder_is_synced() -> None:
    disk, chance = Disk("/x/"), random.Random(1)
    for event in (Wrote("/x/j", 0, b"a"), SyncBegan("/x/j"), Synced("/x/j")):
        disk.take(event)
    assert {"/x/j" in disk.image(chance) for _ in range(50)} == {True, False}
    disk.take(Synced("/x"))
    assert all(disk.image(chance) == {"/x/j": b"a"} for _ in range(50))


@pytest.mark.strace
@pytest.mark.parametrize(("synchronous", "is_kept"), [("FULL", True), ("OFF", False)])
def test_of_what_was_told_a_careless_writer_loses_some_and_a_careful_one_none(
    tmp_path: Path, synchronous: str, is_kept: bool
) -> None:
    path, out = tmp_path / "numbers.db", tmp_path / "trace"
    program = [sys.executable, "-c", WRITER, str(path), synchronous]
    subprocess.run(trace.command(str(out), program), check=True, timeout=60)
    lines = trace.whole(out)
    told, lost = 0, 0
    disk, chance = Disk(str(path), but=("-shm",)), random.Random(7)
    for event in trace.events(lines):
        disk.take(event)
        if isinstance(event, Sent):
            told += 1
            lost += int(event.data) not in set(numbers(tmp_path / "image", disk.image(chance)))
    assert told == 60
    assert disk.syncs > 60 or not is_kept
    assert lost == 0 if is_kept else lost > 10


def numbers(folder: Path, image: Mapping[str, bytes]) -> Iterator[int]:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for path, content in image.items():
        (folder / Path(path).name).write_bytes(content)
    try:
        with closing(sqlite3.connect(folder / "numbers.db")) as db:
            yield from (number for (number,) in db.execute("SELECT number FROM number"))
    except sqlite3.DatabaseError:
        pass  # nothing of it can be read
