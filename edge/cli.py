"""``shouwang-edge``: run the agent, check its configuration, read its sensors, put another version in place."""

import json
import logging
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from edge.clock import VARIABLE, Clock
from edge.errors import ConfigError, JournalError
from edge.settings.overlay import Overlay

if TYPE_CHECKING:
    import argparse

    from edge.agent import Agent

DONE, WRONG, MISSING = 0, 2, 3


def main(arguments: Sequence[str] | None = None) -> int:
    """The exit code: 0 done, 2 the configuration or the call is wrong, 3 the journal is not there."""
    match list(sys.argv[1:] if arguments is None else arguments):
        case ["run", path] if not path.startswith("-"):
            # As systemd calls it: argparse and the other commands would stay in memory (0.4 MB).
            return _begin(Path(path))
        case given:
            call = _parse(given)
    if "act" not in call:
        return _begin(call.config)
    try:
        code = int(call.act(call))
        sys.stdout.flush()
    except BrokenPipeError:  # of `| head`, which has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return DONE
    return code


def _parse(arguments: Sequence[str]) -> "argparse.Namespace":
    import argparse

    from edge import VERSION
    from edge.verbs import check, placing, read

    parser = argparse.ArgumentParser(
        prog="shouwang-edge", description="The agent of Shouwang: measures, keeps, sends."
    )
    parser.add_argument("--version", action="version", version=f"shouwang-edge {VERSION}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="command")
    text = "measure and send until SIGTERM"
    command = commands.add_parser("run", help=text, description=text)
    command.add_argument("config", type=Path, help="edge.toml")
    check.add_to(commands)
    read.add_to(commands)
    placing.add_to(commands)
    return parser.parse_args(arguments)


class _Ending:
    """Being told to stop; also before there is an agent, which then stops as soon as it has begun."""

    def __init__(self) -> None:
        self._agent: Agent | None = None
        self._is_told = False
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: self._tell())

    def stop(self, agent: "Agent") -> None:
        """This is whom to stop from now on."""
        self._agent = agent
        if self._is_told:
            agent.stop()

    def _tell(self) -> None:
        self._is_told = True
        if self._agent is not None:
            self._agent.stop()


def _begin(path: Path) -> int:
    ending = _Ending()
    try:
        overlay = Overlay(path)
        clock = Clock.from_environment() if os.environ.get(VARIABLE) else None
    except (ConfigError, ValueError) as error:
        print(error, file=sys.stderr)
        return WRONG
    return _run(overlay, clock, ending)


def _run(overlay: Overlay, clock: Clock | None, ending: _Ending) -> int:
    from edge.agent import Agent

    logging.basicConfig(
        stream=sys.stderr, level=logging.INFO, format="%(asctime)s %(levelname)s %(message)s"
    )
    environment = dict(os.environ)  # as it was given, for a restart: the agent takes from it
    overlay.begin()
    config = overlay.config
    agent = Agent(config, clock, overlay)
    ending.stop(agent)
    try:
        summary = agent.run()
    except JournalError as error:
        print(error, file=sys.stderr)
        return MISSING
    if agent.is_restarting:
        _begin_again(agent, environment)
    line = json.dumps(asdict(summary))
    print(line, flush=True)
    if config.summary is not None:
        fresh = config.summary.with_name(config.summary.name + ".new")
        fresh.write_text(line + "\n", encoding="utf-8")
        os.replace(fresh, config.summary)
    return DONE


def _begin_again(agent: "Agent", environment: Mapping[str, str]) -> None:
    """Replace this process by a new start of it; return when it was told to stop meanwhile.

    A new program in the same process gives back each port, pin and thread, even of a sensor that
    hangs, and systemd sees the same process go on.
    """
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)  # from here on a signal just ends the process
    if agent.is_restarting:
        logging.shutdown()
        os.execve(sys.executable, [sys.executable, *sys.orig_argv[1:]], environment)


if __name__ == "__main__":
    sys.exit(main())
