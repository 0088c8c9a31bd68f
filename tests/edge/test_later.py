"""A library's module that is loaded when it is first used, each case in a fresh interpreter."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@pytest.mark.parametrize(
    ("script", "sentence"),
    [
        ("assert 'urllib.request' not in sys.modules", "paho loads it not"),
        ("assert callable(paho.urllib.request.getproxies)", "paho gets it when it asks"),
        (
            "import urllib.request\nassert paho.urllib.request is sys.modules['urllib.request']",
            "who imports it afterwards gets it, and paho too",
        ),
        (
            "from edge.later import later\nimport concurrent\n"
            "with later(concurrent, 'futures'):\n    from concurrent.futures import Future\n"
            "assert Future is sys.modules['concurrent.futures'].Future",
            "it comes at once where something of it is imported",
        ),
    ],
)
def test_a_module_comes_when_it_is_used(script: str, sentence: str) -> None:
    begin = "import sys\nimport edge.link.connection\nfrom paho.mqtt import client as paho\n"
    done = subprocess.run(
        [sys.executable, "-c", begin + script], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == 0, f"{sentence}: {done.stderr}"
