"""The back-off of the link, and what the edge loads."""

import subprocess
import sys

import pytest

from edge.mqtt import LONGEST_WAIT_S, back_off_s
from tests.edge.device import ROOT


@pytest.mark.parametrize(
    ("failures", "chance", "wait_s"),
    [(0, 0.0, 0.25), (0, 1.0, 0.5), (1, 1.0, 1.0), (4, 0.0, 4.0), (4, 1.0, 8.0), (99, 1.0, 60.0)],
)
def test_the_wait_doubles_up_to_a_minute_and_half_of_it_is_chance(failures, chance, wait_s) -> None:
    assert back_off_s(failures, chance) == wait_s <= LONGEST_WAIT_S


def test_the_agent_brings_paho_and_the_standard_library_only() -> None:
    script = (
        "import sys; before = set(sys.modules); import edge.agent, edge.cli\n"
        "names = {name.split('.')[0] for name in set(sys.modules) - before}\n"
        "print(' '.join(sorted(names - set(sys.stdlib_module_names) - {'edge', 'paho'})))\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == []
