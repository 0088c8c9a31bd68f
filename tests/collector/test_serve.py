import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from collector.serve import main, read_lives

SLEEPER = """
import signal, sys, time
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
while True: time.sleep(0.05)
"""
STUBBORN = """
import signal, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
while True: time.sleep(0.05)
"""
SUPERVISE = """
import sys
from pathlib import Path
from collector.serve import serve
names = dict(zip(("watch", "desk"), sys.argv[2:]))
processes = {name: (sys.executable, "-c", code) for name, code in names.items()}
sys.exit(serve(Path(sys.argv[1]), processes=processes, jitter=lambda: 0.0))
"""


@pytest.fixture
def config(tmp_path) -> Path:
    path = tmp_path / "shouwang.toml"
    path.write_text('cell = "c"\n')
    return path


@pytest.fixture
def supervise(config):
    started: list[subprocess.Popen[bytes]] = []

    log = (config.parent / "log").open("wb")

    def start(*codes: str) -> subprocess.Popen[bytes]:
        process = subprocess.Popen(
            [sys.executable, "-c", SUPERVISE, str(config), *codes], stderr=log
        )
        started.append(process)
        return process

    yield start
    for process in started:
        process.kill()
        process.wait()
    log.close()


def test_both_end_in_order_within_five_seconds_of_sigterm(supervise, config):
    process = supervise(SLEEPER, SLEEPER)
    pids = _pids(config)
    began_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    assert process.wait(10) == 0
    assert time.monotonic() - began_s < 5
    assert not any(map(_is_alive, pids))
    assert -signal.SIGKILL not in [life.last_exit for life in _lives(config).values()]


def test_one_that_does_not_end_is_killed_within_five_seconds(supervise, config):
    process = supervise(SLEEPER, STUBBORN)
    pids = _pids(config)
    time.sleep(0.5)  # it ignores SIGTERM only once it runs
    began_s = time.monotonic()
    process.send_signal(signal.SIGTERM)
    process.wait(10)
    assert time.monotonic() - began_s < 5
    assert not any(map(_is_alive, pids))


def test_a_dead_one_is_started_again_and_the_other_is_left_alone(supervise, config):
    supervise(SLEEPER, SLEEPER)
    watch, desk = _pids(config)
    os.kill(watch, signal.SIGKILL)
    _until(lambda: (life := _lives(config)["watch"]).restarts == 1 and life.pid not in (0, watch))
    lives = _lives(config)
    assert lives["watch"].last_exit == -signal.SIGKILL
    assert (lives["desk"].pid, lives["desk"].restarts) == (desk, 0)


def test_a_refused_configuration_ends_all_with_2(supervise):
    assert supervise("raise SystemExit(2)", SLEEPER).wait(20) == 2


def test_what_one_lacks_outside_is_shown_and_it_is_started_again(supervise, config):
    supervise(
        SLEEPER, "import sys; raise SystemExit(print('port 1 is taken', file=sys.stderr) or 3)"
    )
    _until(lambda: (lives := _lives(config)) and lives["desk"].restarts >= 2)
    assert _lives(config)["desk"].last_exit == 3
    log = (config.parent / "log").read_text()
    assert "port 1 is taken" in log
    assert "desk cannot work: something outside is not there" in log


def test_children_end_with_a_supervisor_that_is_killed(supervise, config):
    process = supervise(SLEEPER, SLEEPER)
    pids = _pids(config)
    process.kill()
    process.wait()
    _until(lambda: not any(map(_is_alive, pids)))


def test_a_wrong_file_gives_2_before_anything_starts(supervise, config):
    config.write_text("cell = 7\n")
    assert supervise(SLEEPER).wait(20) == 2


def test_the_verb_names_its_file_either_way(config, capsys):
    config.write_text("cell = 7\n")
    assert main(["serve", "--config", str(config)]) == 2
    assert main([str(config)]) == 2
    assert str(config) in capsys.readouterr().err


def _lives(config: Path):
    return read_lives(config.parent / "state" / "serve.json")


def _pids(config: Path) -> list[int]:
    _until(lambda: (lives := _lives(config)) and all(life.pid for life in lives.values()))
    return [life.pid for life in _lives(config).values()]


def _is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False


def _until(is_so: Callable[[], object]) -> None:
    end_s = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < end_s
        time.sleep(0.05)
