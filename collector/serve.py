"""``shouwang serve``: starts the watch and the desk, starts a dead one again, ends both in order.

The two share nothing but the disk. Either may be killed at any moment.
"""

import argparse
import asyncio
import ctypes
import logging
import os
import random
import signal
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import orjson

from collector import log as logs
from collector.config import read_config
from collector.errors import EXIT_CONFIG, EXIT_OUTSIDE, ConfigError

log = logging.getLogger("collector.serve")

PROCESSES: Mapping[str, Sequence[str]] = {
    "watch": (sys.executable, "-m", "collector.watch"),
    "desk": (sys.executable, "-m", "collector.desk"),
}
# First and longest pause before a dead one is started again. Short: each second in which the watch
# is down is a second in which nobody hears of a fire, and a start costs one second of a processor.
BACK_OFF_S = (0.2, 2.0)
STEADY_S = 60.0  # one that ran this long begins the back-off anew
END_S = 4.0  # from SIGTERM to SIGKILL, so that all is over within 5 s
_PR_SET_PDEATHSIG = 1  # prctl(2)


@dataclass(slots=True)
class Life:
    """What became of one process so far; written to ``serve.json``."""

    pid: int = 0
    restarts: int = 0
    last_exit: int | None = None
    last_exit_at: float | None = None  # seconds since 1970


def serve(
    path: Path | str,
    *,
    processes: Mapping[str, Sequence[str]] = PROCESSES,
    jitter: Callable[[], float] = random.random,
) -> int:
    """Serve the cell of this configuration until SIGTERM or SIGINT; the exit code."""
    try:
        config = read_config(path)
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return EXIT_CONFIG
    logs.set_up("serve")
    config.state.mkdir(parents=True, exist_ok=True)
    supervisor = Supervisor(Path(path), config.serve_path, processes, jitter)
    return asyncio.run(supervisor.run())


class Supervisor:
    """``run`` until asked to stop; a process that refuses its configuration ends all with 2."""

    def __init__(
        self,
        config: Path,
        record: Path,
        processes: Mapping[str, Sequence[str]],
        jitter: Callable[[], float],
    ) -> None:
        self._config = config
        self._record = record
        self._processes = processes
        self._jitter = jitter
        self._stopped = asyncio.Event()
        self._lives = {name: Life() for name in processes}
        self._exit = 0

    async def run(self) -> int:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._stopped.set)
        async with asyncio.TaskGroup() as group:
            for name, command in self._processes.items():
                group.create_task(self._tend(name, command), name=name)
        self._write()
        return self._exit

    async def _tend(self, name: str, command: Sequence[str]) -> None:
        life = self._lives[name]
        shortest_s, longest_s = BACK_OFF_S
        pause_s = shortest_s
        while not self._stopped.is_set():
            began_s = time.monotonic()
            process = await asyncio.create_subprocess_exec(
                *command,
                str(self._config),
                stdin=asyncio.subprocess.DEVNULL,
                preexec_fn=_die_with_parent if sys.platform == "linux" else None,
                # A Ctrl-C at the terminal comes to us; the children are ended in order.
                start_new_session=True,
            )
            life.pid = process.pid
            self._write()
            log.info("%s started", name, extra={"facts": {"pid": process.pid}})
            code = await self._live(process)
            life.pid, life.last_exit, life.last_exit_at = 0, code, time.time()
            if self._stopped.is_set():
                log.info("%s ended", name, extra={"facts": {"exit": code}})
                return
            if code == EXIT_CONFIG:
                log.error("%s refuses its configuration; mend it and start again", name)
                self._exit = EXIT_CONFIG
                self._stopped.set()
                return
            life.restarts += 1
            self._write()
            if time.monotonic() - began_s > STEADY_S:
                pause_s = shortest_s
            wait_s = pause_s * (0.5 + self._jitter() / 2)
            pause_s = min(pause_s * 2, longest_s)
            facts = {"exit": code, "restarts": life.restarts, "pause_s": round(wait_s, 2)}
            if code == EXIT_OUTSIDE:
                why = "cannot work: something outside is not there, see its words above; it is"
            else:
                why = "died; it is"
            log.error("%s %s started again", name, why, extra={"facts": facts})
            try:
                async with asyncio.timeout(wait_s):
                    await self._stopped.wait()
            except TimeoutError:
                pass

    async def _live(self, process: asyncio.subprocess.Process) -> int:
        """Until the process ends, by itself or because we are asked to stop; its exit code."""
        ended = asyncio.create_task(process.wait())
        stopped = asyncio.create_task(self._stopped.wait())
        try:
            await asyncio.wait((ended, stopped), return_when=asyncio.FIRST_COMPLETED)
            if not ended.done():
                process.terminate()
                try:
                    async with asyncio.timeout(END_S):
                        await asyncio.shield(ended)
                except TimeoutError:
                    log.error("pid %d does not end; it is killed", process.pid)
                    process.kill()
            return await ended
        finally:
            stopped.cancel()

    def _write(self) -> None:
        scratch = self._record.with_name(self._record.name + ".new")
        lives = {name: asdict(life) for name, life in self._lives.items()}
        try:
            scratch.write_bytes(orjson.dumps(lives))
            os.replace(scratch, self._record)
        except OSError as error:  # a full disk must not end the supervisor
            log.error("%s cannot be written: %s", self._record, error)


def read_lives(path: Path | str) -> dict[str, Life]:
    """What the supervisor wrote last; empty when it has never run."""
    try:
        return {name: Life(**life) for name, life in orjson.loads(Path(path).read_bytes()).items()}
    except (OSError, ValueError, TypeError, AttributeError):
        return {}


def main(argv: Sequence[str] | None = None) -> int:
    """``shouwang serve [--config FILE]``, or ``python -m collector.serve FILE``."""
    words = list(sys.argv[1:] if argv is None else argv)
    if words[:1] == ["serve"]:
        del words[0]
    parser = argparse.ArgumentParser(
        prog="shouwang serve", description="Start the watch and the desk, and keep them running."
    )
    parser.add_argument("file", nargs="?", type=Path, help=argparse.SUPPRESS)
    parser.add_argument(
        "--config",
        type=Path,
        default=Path("shouwang.toml"),
        metavar="FILE",
        help="the settings of this cell (default: %(default)s)",
    )
    arguments = parser.parse_args(words)
    return serve(arguments.file or arguments.config)


def _die_with_parent() -> None:
    """A supervisor that is killed must not leave a watch behind that holds the journal."""
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


if __name__ == "__main__":
    raise SystemExit(main())
