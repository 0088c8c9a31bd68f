"""``shouwang-edge read``: what each sensor says now, for the person on the ladder."""

import argparse
import json
import sys
import time
import warnings
from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from edge.verbs.looking import Look, Seen

DONE, WRONG, SILENT = 0, 2, 3
TEXT = "show what each sensor says now, without the agent"
FRESH_S = 0.3  # real: how often the picture is drawn anew
HOME, REST_OF_LINE, REST_OF_SCREEN = "\x1b[H", "\x1b[K", "\x1b[J"
HOME_LINE = "\r" + REST_OF_LINE
INDENT = 4
WORDS = {1: "good", 2: "", 3: "suspect 存疑", 4: "FAIL 有误", 9: "MISSING 缺测"}


def add_to(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    command = commands.add_parser("read", help=TEXT, description=TEXT)
    command.add_argument("config", type=Path, help="edge.toml")
    command.add_argument("--sensor", action="append", default=[], metavar="NAME", help="only this")
    command.add_argument("--watch", action="store_true", help="again and again, until Ctrl-C")
    command.add_argument(
        "--every", type=float, default=2.0, metavar="S", help="seconds, for --watch"
    )
    command.add_argument("--json", action="store_true", help="one object a round, on one line")
    command.set_defaults(act=act)


def act(call: argparse.Namespace) -> int:
    """0: each series has a value; 2: the file or the call is wrong; 3: some have none."""
    from edge import config
    from edge.clock import Clock
    from edge.errors import ConfigError
    from edge.verbs.looking import Look

    warnings.simplefilter("ignore")  # drivers warn of what the reason of a fault says
    try:
        bench = config.read_sensors(call.config)
        clock = Clock.from_environment()
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)
        return WRONG
    names = [sensor.name for sensor in bench.sensors]
    if unknown := [name for name in call.sensor if name not in names]:
        print(f"no sensor {', '.join(unknown)}; there are {', '.join(names)}", file=sys.stderr)
        return WRONG
    if not 0.1 <= call.every <= 3600:
        print(f"--every: write 0.1 to 3600 seconds, got {call.every:g}", file=sys.stderr)
        return WRONG
    begin_ms = clock.now_ms() if bench.begin_ms is None else bench.begin_ms
    looks = [
        Look(sensor, clock, begin_ms, is_watch=call.watch, every_s=call.every)
        for sensor in bench.sensors
        if not call.sensor or sensor.name in call.sensor
    ]
    for look in looks:
        look.start()
    box = f"{bench.site}/{bench.device}"
    try:
        if call.watch:
            _watch(looks, box, call.every, is_json=call.json)
        else:
            _once(looks, box, is_json=call.json)
    except (KeyboardInterrupt, BrokenPipeError):
        if call.watch:
            return DONE
    return SILENT if any(_lacks(look) for look in looks) else DONE


def _once(looks: Sequence["Look"], box: str, *, is_json: bool) -> None:
    """Each sensor as soon as it and those before it have answered."""
    is_live = sys.stdout.isatty() and not is_json
    if not is_json:
        print(_head(box, looks) + "\n")
    for look in looks:
        while not look.is_done and look.waiting_s < look.config.measuring.answer_within_s:
            if is_live and look.waiting_s > FRESH_S:
                asking = f"{look.config.name}: asking… {look.waiting_s:.0f} s"
                sys.stdout.write(f"{HOME_LINE}{asking}")
                sys.stdout.flush()
            time.sleep(0.1 if is_live else 0.02)
        look.give_up(look.clock.now_ms())
        if is_live:
            sys.stdout.write(HOME_LINE)
        if not is_json:
            print("\n".join(_block(look, _columns())) + "\n", flush=True)
    if is_json:
        print(_json(looks, box), flush=True)
    else:
        print(_tally(looks))


def _watch(looks: Sequence["Look"], box: str, every_s: float, *, is_json: bool) -> None:
    is_live = sys.stdout.isatty() and not is_json
    while True:
        for look in looks:
            if look.waiting_s >= look.config.measuring.answer_within_s:
                look.give_up(look.clock.now_ms())
        if is_json:
            print(_json(looks, box), flush=True)
        else:
            blocks = ["\n".join(_block(look, _columns())) for look in looks]
            head = _head(box, looks) + "; Ctrl-C ends"
            text = "\n\n".join([head, *blocks, _tally(looks)])
            sys.stdout.write(_picture(text) if is_live else text + "\n\n")
            sys.stdout.flush()
        time.sleep(FRESH_S if is_live else every_s)


def _picture(text: str) -> str:
    """The text drawn over the one before; what a small screen does not hold is named."""
    import shutil

    lines, rows = text.splitlines(), shutil.get_terminal_size((80, 24)).lines
    if len(lines) > rows - 1:
        over = len(lines) - rows + 2
        lines = [*lines[: rows - 2], f"… {over} lines more; --sensor NAME shows one sensor"]
    return HOME + "".join(f"{line}{REST_OF_LINE}\n" for line in lines) + REST_OF_SCREEN


def _tally(looks: Sequence["Look"]) -> str:
    count = sum(len(look.config.plan.gives) for look in looks)
    lacking = [look.config.name for look in looks for _ in range(_lacks(look))]
    if not lacking:
        return f"{count} values, none missing"
    return f"{count} values, {len(lacking)} missing: see {', '.join(dict.fromkeys(lacking))}"


def _lacks(look: "Look") -> int:
    """How many of its series have no value."""
    seen = [look.seen.get(series) for series in look.config.plan.gives]
    return sum(each is None or each.value is None for each in seen)


def _head(box: str, looks: Sequence["Look"]) -> str:
    at = datetime.fromtimestamp(looks[0].clock.now_ms() / 1000).astimezone()
    count = f"{len(looks)} sensor{'s' if len(looks) != 1 else ''}"
    return f"{box}  {at:%Y-%m-%d %H:%M:%S}  {count}"


def _columns() -> int:
    import shutil  # brings compressors, which the agent does not need

    from edge.verbs.paper import WIDTH

    return max(40, min(shutil.get_terminal_size((WIDTH, 24)).columns, 120))


def _block(look: "Look", columns: int) -> list[str]:
    """One sensor: its name, then its series by place."""
    from edge.verbs import paper

    config = look.config
    if look.asked_s is not None and look.waiting_s > FRESH_S:
        is_late = look.waiting_s >= config.measuring.answer_within_s
        state = "no answer" if is_late else f"asking… {look.waiting_s:.0f} s"
    elif look.took_s is not None and look.took_s >= 0.1:
        state = f"took {look.took_s:.1f} s"
    else:
        state = ""
    lines = [paper.cut(f"{config.name}  ({config.kind})  {state}".rstrip(), columns)]
    where = None
    for series in config.plan.gives:
        if (series.place, series.port) != where:
            where = (series.place, series.port)
            lines.append("  " + ("/".join(part for part in where if part) or "the box itself"))
        seen = look.seen.get(series)
        lines += _row(series.metric, seen, look.clock.now_ms(), columns) if seen else [
            " " * INDENT + paper.left(_label(series.metric), 26) + "  …"
        ]  # fmt: skip
    return lines


def _row(metric: str, seen: "Seen", now_ms: int, columns: int) -> list[str]:
    from edge.verbs import paper

    line = (
        " " * INDENT
        + paper.left(_label(metric), 26)
        + paper.aligned_right(_value(metric, seen.value), 15)
    )
    line += (
        "  "
        + paper.left(WORDS[seen.quality], 12)
        + paper.aligned_right(age_of(now_ms - seen.at_ms), 6)
    )
    raw = f"raw {paper.plain(seen.raw)}" if seen.raw else ""
    fits = paper.width(line) + 2 + paper.width(raw) <= columns
    lines = [f"{line}  {raw}".rstrip() if fits else line]
    if not fits:
        lines += paper.note(raw, columns, INDENT + 2)
    if seen.calibration is not None:
        before = _value(metric, seen.before)
        lines += paper.note(f"before: {before}; {seen.calibration}", columns, INDENT + 2)
    if seen.reason:
        lines += paper.note(seen.reason, columns, INDENT + 2)
    return lines


def age_of(age_ms: int) -> str:
    """In the unit that still tells something."""
    seconds = max(0, age_ms) // 1000
    for unit, length in (("d", 86_400), ("h", 3600), ("min", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _label(metric: str) -> str:
    from edge.contract.metrics import METRICS

    return f"{METRICS[metric].zh} {metric}"


def _value(metric: str, value: float | None) -> str:
    from edge.contract.metrics import METRICS

    known = METRICS[metric]
    if value is None:
        return "--"
    if known.is_flag:
        return "1 yes 是" if value == 1 else "0 no 否" if value == 0 else f"{value:g}"
    # One digit more than people are shown elsewhere: it tells a live value from a frozen one.
    return f"{value:.{known.decimals + 1}f} {known.unit}".rstrip()


def _json(looks: Sequence["Look"], box: str) -> str:
    site, device = box.split("/")
    now_ms = looks[0].clock.now_ms()
    sensors = [
        {
            "name": look.config.name,
            "kind": look.config.kind,
            "asking_s": round(look.waiting_s, 1) if look.asked_s is not None else None,
            "took_s": None if look.took_s is None else round(look.took_s, 3),
            "readings": list(_objects(look, now_ms)),
        }
        for look in looks
    ]
    whole = {"site": site, "device": device, "at_ms": now_ms, "sensors": sensors}
    return json.dumps(whole, ensure_ascii=False)


def _objects(look: "Look", now_ms: int) -> Iterator[dict[str, Any]]:
    from edge.contract.metrics import METRICS

    for series in look.config.plan.gives:
        seen = look.seen.get(series)
        if seen is not None:
            yield {
                "place": series.place, "port": series.port, "metric": series.metric,
                "value": seen.value, "unit": METRICS[series.metric].unit, "raw": seen.raw,
                "before": seen.before,
                "calibration": str(seen.calibration) if seen.calibration else None,
                "quality": seen.quality.name.lower(), "reason": seen.reason,
                "at_ms": seen.at_ms, "age_s": max(0, now_ms - seen.at_ms) / 1000,
            }  # fmt: skip
