"""What a process wrote, synced, sent and heard, in order: read from the trace that strace wrote.

A thread that was in the midst of a call while another one spoke shows as ``<unfinished ...>`` and
``resumed``. What is written or sent counts from the begin of its call, what is heard from the end;
a sync has both.
"""

import time
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

# -D: the traced process is ours to stop and kill. -xx: bytes as they are. -y: files by their path.
STRACE = ("strace", "-D", "-f", "--seccomp-bpf", "-y", "-xx", "-s", "16777216")
CALLS = (
    "pwrite64", "write", "ftruncate", "fsync", "fdatasync", "unlink", "rename", "sendto", "recvfrom",
)  # fmt: skip
END_S = 30.0
UNFINISHED = "<unfinished ...>"


@dataclass(frozen=True, slots=True)
class Wrote:
    """``offset`` is None for a write where the file stood."""

    path: str
    offset: int | None
    data: bytes


@dataclass(frozen=True, slots=True)
class Resized:
    path: str
    size: int


@dataclass(frozen=True, slots=True)
class SyncBegan:
    path: str


@dataclass(frozen=True, slots=True)
class Synced:
    """What had been written to the file when this sync began is on the disk."""

    path: str


@dataclass(frozen=True, slots=True)
class Removed:
    path: str


@dataclass(frozen=True, slots=True)
class Renamed:
    path: str
    to: str


@dataclass(frozen=True, slots=True)
class Sent:
    socket: str
    data: bytes


@dataclass(frozen=True, slots=True)
class Heard:
    socket: str
    data: bytes


Event = Wrote | Resized | SyncBegan | Synced | Removed | Renamed | Sent | Heard


@dataclass(slots=True)
class _Call:
    name: str
    text: str
    """Its arguments and its result, as strace spells them; no result when it was cut off."""

    @property
    def result(self) -> int | None:
        _, is_told, result = self.text.rpartition(" = ")
        return int(result.split()[0]) if is_told and result[0] in "-0123456789" else None


def command(out: str, program: Sequence[str]) -> list[str]:
    """The program, traced into the file ``out``."""
    return [*STRACE, "-e", f"trace={','.join(CALLS)}", "-o", out, *program]


def whole(out: Path) -> Iterator[str]:
    """The lines of a trace, once strace has written the last: that the process has ended."""
    until_s = time.monotonic() + END_S
    while "+++" not in _tail(out):
        if time.monotonic() > until_s:
            raise TimeoutError(f"{out} has no end")
        time.sleep(0.05)
    with out.open(encoding="ascii") as lines:
        yield from lines


def _tail(out: Path) -> str:
    with out.open("rb") as trace:
        trace.seek(max(0, out.stat().st_size - 100))
        return trace.read().decode("ascii").rstrip("\n").rpartition("\n")[2]


def events(lines: Iterable[str]) -> Iterator[Event]:
    """The calls of a trace, in order; those that failed are left out."""
    moments: list[tuple[_Call, bool]] = []  # each call at its begin and at its end
    under_way: dict[str, _Call] = {}
    for line in lines:
        thread, _, text = line.strip().partition(" ")
        text = text.strip()
        if text.startswith("<... "):
            call = under_way.pop(thread, None)
            if call is not None:
                call.text += text.partition("resumed>")[2]
                moments.append((call, False))
            continue
        name, is_call, text = text.partition("(")
        if is_call and name in CALLS:
            call = _Call(name, text.removesuffix(UNFINISHED))
            moments.append((call, True))
            if text.endswith(UNFINISHED):
                under_way[thread] = call
            else:
                moments.append((call, False))
    for call, is_begin in moments:
        if (call.result or 0) >= 0:
            yield from _told(call, is_begin)


def _told(call: _Call, is_begin: bool) -> Iterator[Event]:
    match call.name, is_begin:
        case (("fsync" | "fdatasync"), True):
            yield SyncBegan(_file(call))
        case (("fsync" | "fdatasync"), False):
            yield Synced(_file(call))
        case "pwrite64", True:
            yield Wrote(_file(call), int(call.text.split(", ")[3].split(")")[0]), _bytes(call))
        case "write", True:
            yield Wrote(_file(call), None, _bytes(call))
        case "ftruncate", True:
            yield Resized(_file(call), int(call.text.split(", ")[1].split(")")[0]))
        case "unlink", True:
            yield Removed(_bytes(call).decode())
        case "rename", True:
            yield Renamed(*(_text(part) for part in call.text.split('"')[1:4:2]))
        case "sendto", True if call.result is not None:
            yield Sent(_file(call), _bytes(call)[: call.result])
        case "recvfrom", False:
            yield Heard(_file(call), _bytes(call)[: call.result])
        case _:
            pass


def _file(call: _Call) -> str:
    """What stands behind the number of the file: ``5<path>``."""
    return _text(call.text.partition("<")[2].partition(">")[0])


def _bytes(call: _Call) -> bytes:
    return bytes.fromhex(call.text.partition('"')[2].partition('"')[0].replace("\\x", ""))


def _text(spelt: str) -> str:
    return bytes.fromhex(spelt.replace("\\x", "")).decode()
