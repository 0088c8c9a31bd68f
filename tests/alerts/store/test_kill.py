"""kill -9 in the middle of a transaction: after the repeat everything is as if undisturbed."""

import subprocess
import sys
from pathlib import Path

import pytest

from alerts.store.operations import Operations
from tests.alerts.incidents.community import NOW, REGISTRY
from tests.alerts.store.conftest import PACKS

ROOT = Path(__file__).parents[3]
# Two dangers that rise, recover and relapse: five notices' words are asked for on the way.
PLAYED = """
import os, sys
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from alerts.words import Severity
from tests.alerts.incidents.community import NOW, polluted, says

class Packs:
    rules = {}

left = int(sys.argv[2])

def words(*_, **__):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), 9)
    return "title", "text"

operations = Operations(sys.argv[1], words=words, packs=Packs())
for transitions in (
    [says(1), polluted(2)],
    [says(3, Change.SEVERITY, severity=Severity.CRITICAL), polluted(4, Change.CLEARED)],
    [polluted(5), says(6, Change.CLEARED)],
):
    operations.take(transitions, Packs(), NOW)
operations.close()
"""


def play(url: str, killed_at: int) -> int:
    command = [sys.executable, "-c", PLAYED, url, str(killed_at)]
    return subprocess.run(command, cwd=ROOT, timeout=60).returncode


def everything(url: str) -> object:
    with Operations(url, packs=PACKS) as operations:
        incidents = operations.incidents()
        stories = [operations.story(incident.id) for incident in incidents]
        return incidents, stories, operations.notices(), operations.transitions()


@pytest.mark.parametrize("killed_at", [1, 3, 6])
def test_a_watch_killed_while_it_writes_takes_the_same_again(tmp_path, killed_at):
    calm, killed = f"sqlite:///{tmp_path / 'calm.db'}", f"sqlite:///{tmp_path / 'killed.db'}"
    for url in (calm, killed):
        with Operations(url) as operations:
            operations.set_up()
            operations.save_registry(REGISTRY, "me", "first", NOW)
    assert play(calm, 0) == 0
    assert play(killed, killed_at) == -9
    assert play(killed, 0) == 0
    assert everything(killed) == everything(calm)
