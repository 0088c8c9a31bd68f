"""`shouwang device`: what devices say of themselves, and orders to one of them.

An order goes into the operations database; the watch, which alone speaks to devices, takes it up
and writes the device's answer beside it. Exit codes: 0 done, 2 the call is wrong or the device
refuses, 3 the watch or the device does not answer.
"""

import argparse
import getpass
import math
import sys
import time
import tomllib
from collections.abc import Sequence
from datetime import timedelta

from alerts import figures
from alerts.orders import TRY_OUT, Order, OrderState, OrderVerb
from alerts.registry.model import Device
from alerts.store.operations import Operations
from alerts.words import Language
from collector.commands import common, devices, gaps
from collector.errors import EXIT_CONFIG, EXIT_OUTSIDE
from collector.gaps_keeping import GapsFile
from edge.clock import Clock
from edge.contract.ids import is_id
from edge.contract.settings import Value

LOOK_S = 0.1  # real seconds between two looks at the answer
WAIT_S = 20.0  # real seconds: two attempts, and the watch's own half second
MOST_TEXT = 300  # characters of a try-out
ACTS = ("settings", "gaps", "log", "set", "off", "reset", "announce")


def main(argv: Sequence[str]) -> int:
    parser = common.parser("device", "What devices say of themselves, and orders to one of them.")
    parser.usage = (
        "shouwang device list | SITE/DEVICE (settings | gaps | log | set KEY=VALUE ... | off OUTPUT | "
        "reset GUARD | announce TEXT) [options]"
    )
    parser.add_argument("device", metavar="SITE/DEVICE", help="one device, or the word list")
    parser.add_argument("act", nargs="?", default="settings", help=", ".join(ACTS))
    parser.add_argument("words", nargs="*", help="KEY=VALUE (KEY= takes it back), or a name")
    parser.add_argument("--wait", type=float, default=WAIT_S, metavar="SECONDS",
                        help="for the device's answer (default: %(default)g)")  # fmt: skip
    parser.add_argument("--yes", action="store_true", help="do not ask before off and reset")
    parser.add_argument("--lang", choices=[language.value for language in Language], default="zh",
                        help="of the text to announce (default: %(default)s)")  # fmt: skip
    parser.add_argument("--who", default=getpass.getuser(), help="who answers for it")
    parser.add_argument("--why", default="", help="the reason, kept with the order")
    arguments = parser.parse_args(argv[1:])
    return common.guarded(lambda: _run(arguments))


def _run(arguments: argparse.Namespace) -> int:
    act, words = arguments.act, arguments.words
    if wrong := _wrong(arguments.device, act, words, arguments.wait):
        print(common.printable(wrong), file=sys.stderr)
        return EXIT_CONFIG
    config = common.settings(arguments.config)
    clock = common.clock(config)
    with common.known_operations(config) as operations:
        if arguments.device == "list":
            print(common.printable(devices.listing(operations, config.watch_path)))
            return 0
        device = _device(operations, arguments.device)
        if isinstance(device, str):
            print(common.printable(device), file=sys.stderr)
            return EXIT_CONFIG
        if act == "gaps":
            found = GapsFile(config.gaps_path, clock).of(device.site, device.id)
            zone = next(
                (s.time_zone for s in operations.registry().sites if s.id == device.site), ""
            )
            print(common.printable(gaps.account(arguments.device, found, figures.zone(zone))))
            return 0
        if act in ("settings", "log"):
            show = devices.settings if act == "settings" else devices.record
            print(common.printable(show(operations, device)))
            return 0
        if act != "set" and not device.command_key:
            print(f"{arguments.device} has no command_key, so it takes no commands; add one to the "
                  "community and import it", file=sys.stderr)  # fmt: skip
            return EXIT_CONFIG
        if act in ("off", "reset") and not (arguments.yes or _is_sure(act, words[0], device)):
            print("nothing was sent", file=sys.stderr)
            return EXIT_CONFIG
        order = _ask(operations, device, arguments, clock)
        if isinstance(order, str):
            print(common.printable(order), file=sys.stderr)
            return EXIT_CONFIG
        return _await(operations, order, arguments.wait, clock)


def _wrong(device: str, act: str, words: Sequence[str], wait_s: float) -> str:
    """What is wrong with the call, or ""."""
    if act == "on":
        return "there is no 'on': power comes back by a person at the box"
    if act not in ACTS:
        return f"there is no {act!r}; use one of: {', '.join(ACTS)}"
    if device == "list":
        return "" if act == "settings" and not words else "list stands alone"
    if not 0 < wait_s <= 3600:
        return f"--wait {wait_s:g}: from above 0 to 3600 seconds"
    if act in ("off", "reset") and not (len(words) == 1 and is_id(words[0])):
        return f"{act}: name one {'output' if act == 'off' else 'guard'} of the device, an id"
    if act == "announce" and not (words and 0 < len(" ".join(words)) <= MOST_TEXT):
        return f"announce: write what to say, at most {MOST_TEXT} characters"
    if act == "set":
        changes = _changes(words)
        return changes if isinstance(changes, str) else ""
    return f"{act}: takes no further words" if act in ("settings", "gaps", "log") and words else ""


def _changes(words: Sequence[str]) -> dict[str, Value | None] | str:
    """Numbers and true/false as such, everything else as text; nothing takes the key back."""
    changes: dict[str, Value | None] = {}
    for word in words:
        key, equals, text = word.partition("=")
        if not key or not equals:
            return f"set: {word!r}: write KEY=VALUE, or KEY= to take it back"
        changes[key] = _value(text) if text else None
    return changes or "set: write KEY=VALUE"


def _value(text: str) -> Value:
    try:
        value = tomllib.loads(f"value = {text}")["value"]
    except (tomllib.TOMLDecodeError, KeyError):
        return text
    if isinstance(value, float) and not math.isfinite(value):
        return text  # JSON has no such number
    return value if isinstance(value, bool | int | float | str) else text


def _device(operations: Operations, name: str) -> Device | str:
    known = {f"{device.site}/{device.id}": device for device in operations.registry().devices}
    if name in known:
        return known[name]
    return f"there is no device {name!r}; registered are: {', '.join(sorted(known)) or 'none'}"


def _is_sure(act: str, target: str, device: Device) -> bool:
    what = {
        "off": f"switch {target!r} of {device.site}/{device.id} off? Power comes back by a person "
        "at the box only.",
        "reset": f"reset {target!r} of {device.site}/{device.id}? Has somebody been there to look?",
    }[act]
    try:
        return input(f"{what} [y/N] ").strip().lower() in ("y", "yes")
    except EOFError:
        return False


def _ask(
    operations: Operations, device: Device, arguments: argparse.Namespace, clock: Clock
) -> Order | str:
    now, words = clock.now(), arguments.words
    verb = OrderVerb(arguments.act)
    order = Order(
        site=device.site,
        device=device.id,
        verb=verb,
        target={"off": words[0], "reset": words[0], "announce": TRY_OUT}.get(arguments.act, ""),
        texts={arguments.lang: " ".join(words)} if verb is OrderVerb.ANNOUNCE else {},
        who=arguments.who,
        why=arguments.why,
        asked_at=now,
        # Real seconds: the watch waits for networks in those.
        until=now + timedelta(seconds=arguments.wait * clock.speed),
    )
    if verb is not OrderVerb.SET:
        return operations.ask(order)
    changes = _changes(words)
    return changes if isinstance(changes, str) else operations.wish(order, changes)


def _await(operations: Operations, order: Order, wait_s: float, clock: Clock) -> int:
    """The answer, printed; what the watch has not taken up by then is withdrawn."""
    until_s = time.monotonic() + wait_s
    unanswered = (OrderState.WAITING, OrderState.SENT)
    while (now := operations.order(order.id) or order).state in unanswered:
        if time.monotonic() >= until_s:
            return _unanswered(operations, now, wait_s, clock)
        time.sleep(LOOK_S)
    said = f"{now.site}/{now.device}: {now.verb.value} {now.target}".rstrip()
    said += f" (revision {now.revision})" if now.revision else ""
    answer = f": {now.answer}" if now.answer else ""
    if now.state in (OrderState.DONE, OrderState.TRIAL):
        print(common.printable(f"{said}: {now.state.value}{answer}"))
        return 0
    print(common.printable(f"{said}: {now.state.value}{answer}"), file=sys.stderr)
    return EXIT_CONFIG if now.state is OrderState.REFUSED else EXIT_OUTSIDE


def _unanswered(operations: Operations, order: Order, wait_s: float, clock: Clock) -> int:
    if order.verb is OrderVerb.SET:
        text = f"revision {order.revision} stands, and the device takes it when it is there; "
        text += f"not answered within {wait_s:g} s"
        if order.state is OrderState.WAITING:
            text += ". The watch has not sent it yet; is `shouwang serve` running?"
    elif operations.withdraw(order.id, "withdrawn", clock.now()):
        text = "the watch did not take it up, so it is withdrawn; is `shouwang serve` running?"
    else:
        text = f"no answer within {wait_s:g} s; it may have been done. "
        text += f"`shouwang device {order.site}/{order.device} log` will say"
    print(common.printable(text), file=sys.stderr)
    return EXIT_OUTSIDE
