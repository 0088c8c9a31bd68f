"""`shouwang deadletter`: what was refused, where it came from and why; to judge it again, or throw
it away.

The journal has one writer. While the watch runs, that is the watch: an order in the operations
database asks it. Else this command opens the journal itself.
"""

import argparse
import asyncio
import getpass
import sys
import time
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

from alerts.orders import Order, OrderState, OrderVerb
from alerts.registry.model import Registry
from alerts.store.operations import Operations
from collector.commands import common
from collector.config import Config
from collector.errors import EXIT_CONFIG, EXIT_OUTSIDE
from collector.intake import Bindings, Intake
from collector.journaling import Journaling
from collector.reasons import why
from collector.replaying import Replaying, Selection, every, rehearse
from edge.clock import Clock
from edge.errors import JournalBusy
from edge.journal.journal import Journal
from edge.journal.rows import Kept
from edge.journal.tail import Tail

SAMPLE = 60  # characters of a sample shown
SHOWN = 20  # letters shown at once
LOOK_S = 0.1  # real seconds between two looks at the answer
WAIT_S = 60.0  # real seconds; a hundred thousand letters take longer, and go on without us
ACTS = ("list", "show", "replay", "purge")


def main(argv: Sequence[str]) -> int:
    parser = common.parser("deadletter", "What was refused: list, show, judge again, throw away.")
    parser.add_argument("act", choices=ACTS)
    parser.add_argument("id", nargs="?", type=int, default=0, help="one letter, as show names it")
    parser.add_argument("--topic", default="*", metavar="PATTERN",
                        help="topics like this, * for anything (default: all)")  # fmt: skip
    parser.add_argument("--reason", default="", metavar="TEXT", help="reasons that hold this")
    parser.add_argument("--since", type=_since, default=None, metavar="TIME",
                        help="seen since: 2026-11-23T08:00+08:00, or 90m, 24h, 7d ago")  # fmt: skip
    parser.add_argument("--limit", type=int, default=SHOWN, help="letters shown (%(default)s)")
    parser.add_argument("--dry-run", action="store_true", help="say what would come of it only")
    parser.add_argument("--yes", action="store_true", help="do not ask before a purge")
    parser.add_argument("--wait", type=float, default=WAIT_S, metavar="SECONDS",
                        help="for the watch (default: %(default)g)")  # fmt: skip
    parser.add_argument("--who", default=getpass.getuser(), help="who answers for it")
    parser.add_argument("--why", default="", help="the reason, kept with the order")
    arguments = parser.parse_args(argv[1:])
    return common.guarded(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    act: str = arguments.act
    if arguments.id and act == "list":
        print("list takes no id; show does", file=sys.stderr)
        return EXIT_CONFIG
    config = common.settings(arguments.config)
    path = common.there(config.journal_path, "journal")
    selection = Selection(
        topic=arguments.topic,
        reason=arguments.reason,
        since_ms=_since_ms(arguments.since, common.clock(config)),
        id=arguments.id,
    )
    if act == "list":
        return _list(path, selection)
    if act == "show":
        return _show(path, selection, arguments.limit)
    if act == "purge":
        count = _count(path, selection)
        if arguments.dry_run or not count:
            print(f"{count} records would be purged" if count else "nothing to purge")
            return 0
        if not (arguments.yes or _is_sure(count)):
            print("nothing was purged", file=sys.stderr)
            return EXIT_CONFIG
    with common.known_operations(config) as operations:
        if arguments.dry_run:
            return _rehearse(path, selection, operations.registry())
        try:
            journal = Journal(path)
        except JournalBusy:
            return _ask(operations, selection, arguments, common.clock(config))
        return asyncio.run(_do(journal, selection, act, config, operations.registry()))


# What is there


def _list(path: Path, selection: Selection) -> int:
    with Tail(path) as tail:
        letters = [letter for letter in tail.letters() if selection.lists(letter)]
    rows = [
        [
            str(letter.count),
            str(letter.kept),
            _time(letter.first_ms),
            _time(letter.last_ms),
            why(letter.topic, letter.reason).value,
            letter.topic,
            letter.reason,
            _text(letter.sample[:SAMPLE]),
        ]
        for letter in letters
    ]
    head = ["records", "kept", "first seen (UTC)", "last seen (UTC)", "class", "topic", "reason",
            "sample"]  # fmt: skip
    print(
        common.printable(
            common.table(head, [[cell.replace("\n", " ") for cell in r] for r in rows])
        )
        if rows
        else f"{path}: no dead letters"
    )
    return 0


def _show(path: Path, selection: Selection, limit: int) -> int:
    with Tail(path) as tail:
        letters = list(every(tail.kept, selection))
    if selection.id and not letters:
        print(f"there is no letter {selection.id}; its bytes may have gone with age or room",
              file=sys.stderr)  # fmt: skip
        return EXIT_CONFIG
    for letter in letters[-limit:] if limit > 0 else []:
        print(common.printable(_shown(letter)))
    if len(letters) > max(limit, 0):
        print(f"the newest {max(limit, 0)} of {len(letters)}; --limit shows more")
    elif not letters:
        print(f"{path}: no letter of these is kept")
    return 0


def _shown(letter: Kept) -> str:
    times = f" ({letter.count} records)" if letter.count > 1 else ""
    part = "; the rest of its message went on" if letter.is_part else ""
    head = f"{letter.id}  {_time(letter.at_ms)}  {letter.topic}{times}{part}"
    lines = [head, f"    {letter.reason}", f"    {_text(letter.raw)}"]
    return "\n".join(line.replace("\n", " ") for line in lines)


def _count(path: Path, selection: Selection) -> int:
    with Tail(path) as tail:
        if selection.since_ms or selection.id:
            return sum(letter.count for letter in every(tail.kept, selection))
        return sum(letter.count for letter in tail.letters() if selection.lists(letter))


def _rehearse(path: Path, selection: Selection, registry: Registry) -> int:
    with Tail(path) as tail:
        intake = Intake(Bindings(registry), tail.ranges())
        tally = rehearse(tail.kept, intake, selection)
    print(common.printable(f"dry run: {tally}"))
    return 0


# Acts


async def _do(
    journal: Journal, selection: Selection, act: str, config: Config, registry: Registry
) -> int:
    """The watch does not run: the journal is ours meanwhile."""
    journaling = Journaling(journal, letters_bytes=config.deadletters.megabytes * 2**20)
    writing = asyncio.create_task(journaling.run(), name="journal")
    try:
        intake = Intake(Bindings(registry), journal.ranges())
        replaying = Replaying(journaling, intake, common.clock(config))
        if act == "purge":
            said = f"{await replaying.purge(selection)} records purged"
        else:
            doing = asyncio.ensure_future(replaying.replay(selection))
            await asyncio.wait((doing, writing), return_when=asyncio.FIRST_COMPLETED)
            if not doing.done():
                doing.cancel()
                await writing  # raises what ended it
            said = str(doing.result())
    finally:
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await journaling.close()
    print(common.printable(said))
    return 0


def _ask(
    operations: Operations, selection: Selection, arguments: argparse.Namespace, clock: Clock
) -> int:
    """The watch runs: it is asked."""
    now = clock.now()
    order = operations.ask(
        Order(
            site="",
            device="",
            verb=OrderVerb(arguments.act),
            values=selection.values(),
            revision=operations.revision(),
            who=arguments.who,
            why=arguments.why,
            asked_at=now,
            until=now + timedelta(seconds=arguments.wait * clock.speed),
        )
    )
    until_s = time.monotonic() + arguments.wait
    while (told := operations.order(order.id) or order).state in (
        OrderState.WAITING,
        OrderState.SENT,
    ):
        if time.monotonic() >= until_s:
            return _unanswered(operations, told, clock)
        time.sleep(LOOK_S)
    is_done = told.state is OrderState.DONE
    print(common.printable(told.answer), file=sys.stdout if is_done else sys.stderr)
    return 0 if is_done else EXIT_OUTSIDE


def _unanswered(operations: Operations, order: Order, clock: Clock) -> int:
    if operations.withdraw(order.id, "withdrawn", clock.now()):
        text = "the watch did not take it up, so it is withdrawn; nothing was done"
    else:
        text = "the watch is still at it and goes on; `shouwang deadletter list` shows what is left"
    print(text, file=sys.stderr)
    return EXIT_OUTSIDE


def _is_sure(count: int) -> bool:
    try:
        answer = input(f"throw {count} records away? They cannot be had back. [y/N] ")
    except EOFError:
        return False
    return answer.strip().lower() in ("y", "yes")


# Words


def _since(text: str) -> datetime | timedelta:
    units = {"m": 60, "h": 3600, "d": 86_400}
    if text[-1:] in units and text[:-1].isdigit():
        return timedelta(seconds=min(int(text[:-1]) * units[text[-1]], 3_000_000_000))
    try:
        at = datetime.fromisoformat(text)
    except ValueError:
        at = None
    if at is None or at.tzinfo is None:
        raise argparse.ArgumentTypeError(
            f"{text!r}: write a time with its offset, 2026-11-23T08:00+08:00, or 90m, 24h, 7d"
        )
    return at


def _since_ms(since: datetime | timedelta | None, clock: Clock) -> int:
    if since is None:
        return 0
    at = since if isinstance(since, datetime) else clock.now() - since
    return int(at.timestamp() * 1000)


def _text(raw: bytes) -> str:
    return raw.decode("utf-8", "replace")


def _time(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S")
