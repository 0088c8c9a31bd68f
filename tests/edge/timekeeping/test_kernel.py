"""What adjtimex says of the clock, by a kernel of the test's own: its answer is preloaded."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.edge.device import ROOT

COMPILER = shutil.which("cc") or shutil.which("gcc")
SOURCE = """
#include <errno.h>
#include <stdlib.h>
int adjtimex(void *timex) {
    if (*(unsigned int *)timex != 0) abort();  /* modes: it may ask and must not set */
    int state = atoi(getenv("STATE"));
    if (state < 0) errno = EPERM;
    return state;
}
"""
ASK = "from edge.timekeeping.kernel import Kernel; print(Kernel().is_synchronised())"


@pytest.fixture(scope="module")
def preload(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if COMPILER is None:
        pytest.skip("no C compiler to make a kernel's answer with")
    folder = tmp_path_factory.mktemp("kernel")
    (folder / "adjtimex.c").write_text(SOURCE)
    library = folder / "adjtimex.so"
    subprocess.run([COMPILER, "-shared", "-fPIC", "-o", library, folder / "adjtimex.c"], check=True)
    return library


@pytest.mark.parametrize(
    ("state", "is_synchronised"),
    [
        (0, True),  # TIME_OK
        (1, True), (2, True), (3, True), (4, True),  # a leap second is announced, under way, over
        (5, False),  # TIME_ERROR: STA_UNSYNC, or maxerror has grown for hours without a word
        (-1, False),  # a filter of system calls forbids asking
    ],
)  # fmt: skip
def test_the_clock_is_believed_while_somebody_disciplines_it(
    preload: Path, state: int, is_synchronised: bool
) -> None:
    done = subprocess.run(
        [sys.executable, "-c", ASK], cwd=ROOT, capture_output=True, text=True,
        env={**os.environ, "LD_PRELOAD": str(preload), "STATE": str(state)},
    )  # fmt: skip
    assert (done.returncode, done.stdout) == (0, f"{is_synchronised}\n"), done.stderr
