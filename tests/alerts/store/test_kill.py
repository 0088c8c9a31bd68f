"""kill -9 in the middle of a transaction: after the repeat everything is as if undisturbed."""

import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from alerts.store.operations import Operations
from tests.alerts.incidents.community import NOW, REGISTRY
from tests.alerts.store.conftest import PACKS

ROOT = Path(__file__).parents[3]
KILLS = 10  # with those of tests/chaos/test_notice_kills.py twenty on SQLite
# Two dangers that rise, recover and relapse. Dies before the given statement or commit; a child
# for each, since Python takes longer to start than all of them to die.
PLAYED = """
import json, os, sys
from sqlalchemy import Engine, event
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from alerts.words import Severity
from tests.alerts.incidents.community import NOW, polluted, says

class Packs:
    rules = {}

seen = 0

def play(url, killed_at):
    def count(*_):
        global seen
        seen += 1
        if seen == killed_at:
            os.kill(os.getpid(), 9)
    event.listen(Engine, "before_cursor_execute", count)
    event.listen(Engine, "commit", count)
    operations = Operations(url, words=lambda *_, **__: ("title", "text"), packs=Packs())
    for transitions in (
        [says(1), polluted(2)],
        [says(3, Change.SEVERITY, severity=Severity.CRITICAL), polluted(4, Change.CLEARED)],
        [polluted(5), says(6, Change.CLEARED)],
    ):
        operations.take(transitions, Packs(), NOW)
    operations.close()

for url, killed_at in json.loads(sys.argv[1]):
    if os.fork() == 0:
        play(url, killed_at)
        print(seen, flush=True)
        os._exit(0)
    _, status = os.wait()
    if status:
        print(-os.WTERMSIG(status), flush=True)
"""


def play(*plays: tuple[str, int]) -> list[int]:
    """Of each how many statements and commits it took; -9 where it was killed."""
    command = [sys.executable, "-c", PLAYED, json.dumps(plays)]
    ran = subprocess.run(command, cwd=ROOT, timeout=120, capture_output=True, text=True)
    assert ran.returncode == 0, ran.stderr
    return [int(word) for word in ran.stdout.split()]


def everything(url: str) -> object:
    with Operations(url, packs=PACKS) as operations:
        incidents = operations.incidents()
        stories = [operations.story(incident.id) for incident in incidents]
        return incidents, stories, operations.notices(), operations.transitions()


@pytest.mark.timeout(120)
def test_a_watch_killed_while_it_writes_takes_the_same_again(tmp_path):
    files = [tmp_path / f"{n}.db" for n in range(1 + KILLS)]
    calm, *doomed = (f"sqlite:///{file}" for file in files)
    with Operations(calm) as operations:
        operations.set_up()
        operations.save_registry(REGISTRY, "me", "first", NOW)
    for file in files[1:]:
        shutil.copy(files[0], file)
    (count,) = play((calm, 0))
    assert count > 3 * KILLS
    # Evenly from the first statement to the last commit.
    points = [1 + n * (count - 1) // (KILLS - 1) for n in range(KILLS)]
    assert play(*zip(doomed, points, strict=True)) == [-9] * KILLS
    play(*((url, 0) for url in doomed))
    wanted = everything(calm)
    for url, point in zip(doomed, points, strict=True):
        assert everything(url) == wanted, f"killed at {point} of {count}"
