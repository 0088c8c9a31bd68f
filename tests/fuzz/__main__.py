"""``python -m tests.fuzz [--seconds 60] [NAME ...]``: atheris on each target, one after the other.

Exit codes: 0 nothing found (or atheris is not to be had here, which is said), 1 something was found
(the input that does it is left in ``build/fuzz/``), 2 there is no such target.
"""

import argparse
import importlib.util
import subprocess
import sys
from pathlib import Path

FOUND = Path("build/fuzz")
LONGEST_S = 5  # for one input
MOST_MB = 600  # of which the instrumented program itself takes a hundred
MOST_BYTES = 20_000
ONE = "--one"


def main(arguments: list[str]) -> int:
    if arguments[:1] == [ONE]:
        return _one(arguments[1], arguments[2:])
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("names", nargs="*", metavar="NAME")
    parser.add_argument("--seconds", type=int, default=60)
    asked = parser.parse_args(arguments)
    if importlib.util.find_spec("atheris") is None:
        print(
            "fuzz: skipped, atheris is not installed. It has packages for Linux on x86-64 and the "
            "Pythons that pyproject.toml names: .ci/install --group fuzz brings it. The tests in "
            "tests/fuzz/ try the same targets with hypothesis."
        )
        return 0
    from tests.fuzz.targets import TARGETS

    unknown = [name for name in asked.names if name not in TARGETS]
    if unknown:
        print(f"fuzz: no target {', '.join(unknown)}; there are {', '.join(TARGETS)}")
        return 2
    bad = [name for name in asked.names or TARGETS if not _fuzz(name, asked.seconds)]
    print(f"fuzz: something was found in {', '.join(bad)}" if bad else "fuzz: nothing was found")
    return 1 if bad else 0


def _fuzz(name: str, seconds: int) -> bool:
    """In a process of its own: libFuzzer ends the one it runs in."""
    from tests.fuzz.targets import TARGETS

    corpus = FOUND / name / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    for nth, seed in enumerate(TARGETS[name].seeds):
        (corpus / f"seed-{nth}").write_bytes(seed)
    print(f"fuzz: {name}, {seconds} s", flush=True)
    options = [
        f"-max_total_time={seconds}",
        f"-timeout={LONGEST_S}",
        f"-rss_limit_mb={MOST_MB}",
        f"-max_len={MOST_BYTES}",
        f"-artifact_prefix={FOUND / name}/",
        "-print_final_stats=1",
        "-verbosity=0",
    ]
    command = [sys.executable, "-m", "tests.fuzz", ONE, name, *options, str(corpus)]
    return subprocess.run(command, timeout=seconds + 120).returncode == 0


def _one(name: str, options: list[str]) -> int:
    import atheris

    with atheris.instrument_imports(include=["collector.decoders", "edge.contract"]):
        from tests.fuzz.targets import TARGETS
    atheris.Setup([name, *options], TARGETS[name].run)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
