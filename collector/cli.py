"""`shouwang VERB ...`: one verb, one module with a ``main(argv) -> exit code``.

Exit codes: 0 done, 2 the call or the configuration is wrong, 3 something outside is not there.
"""

import os
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import PackageNotFoundError, version


@dataclass(frozen=True, slots=True)
class Verb:
    """What a verb does, where its code is, and the extra of the package that it needs."""

    module: str
    does: str
    extra: str = "server"


VERBS = {
    "demo": Verb(
        "collector.demo.command", "the whole house on this machine, on recordings", "demo"
    ),
    "serve": Verb("collector.serve", "start the watch and the desk, and keep them running"),
    "check": Verb("collector.commands.check", "find every mistake in settings, registry and packs"),
    "import": Verb("collector.commands.registry", "read a community from TOML files"),
    "import-csv": Verb(
        "collector.commands.import_csv", "bring history from a table into the store"
    ),
    "export": Verb("collector.commands.registry", "write the community to TOML files"),
    "setup-store": Verb("collector.commands.setup_store", "make the store's buckets and sign-ins"),
    "replay": Verb(
        "collector.commands.replay", "try rules on what was measured, beside what did ring"
    ),
    "why": Verb("collector.commands.why", "who was told of an incident, who was not, and why"),
    "drill": Verb("collector.commands.drill", "a drill: tell real people, and show the receipts"),
    "device": Verb("collector.commands.device", "list the devices; set, switch off, announce"),
    "deadletter": Verb("collector.commands.deadletter", "list what was refused, with the reason"),
}


def main(argv: Sequence[str] | None = None) -> int:
    """Run the verb and return its exit code."""
    try:
        code = _run(list(sys.argv[1:] if argv is None else argv))
        sys.stdout.flush()
    except BrokenPipeError:  # of `| head`, which has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    return code


def _run(words: list[str]) -> int:
    if not words or words[0] in {"-h", "--help", "help"}:
        print(_help())
        return 0 if words else 2
    if words[0] in {"-V", "--version"}:
        print(f"shouwang {_version()}")
        return 0
    verb = VERBS.get(words[0])
    if verb is None:
        print(f"shouwang: there is no verb {words[0]!r}\n\n{_help()}", file=sys.stderr)
        return 2
    try:
        module = import_module(verb.module)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in {"collector", "alerts", "dashboards", "edge"}:
            raise
        print(
            f"shouwang {words[0]}: the package {error.name!r} is not installed; "
            f"run: pip install 'shouwang[{verb.extra}]'",
            file=sys.stderr,
        )
        return 3
    code: int = module.main(words)
    return code


def _help() -> str:
    lines = [f"  {name:<12} {verb.does}" for name, verb in VERBS.items()]
    return "\n".join(
        ["usage: shouwang VERB [options]; shouwang VERB --help tells more", "", *lines]
    )


def _version() -> str:
    try:
        return version("shouwang")
    except PackageNotFoundError:
        return "(not installed)"


if __name__ == "__main__":
    sys.exit(main())
