"""`shouwang import FOLDER` and `shouwang export FOLDER`: a community in and out of TOML files."""

import getpass
import sys
from collections.abc import Sequence
from pathlib import Path

from alerts.registry.problem import Level
from alerts.registry.toml import examine, write
from collector.commands import common
from collector.errors import EXIT_CONFIG


def main(argv: Sequence[str]) -> int:
    return common.guarded(lambda: _import(argv) if argv[0] == "import" else _export(argv))


def _import(argv: Sequence[str]) -> int:
    parser = common.parser("import", "Read a community from TOML files into the database.")
    parser.add_argument("paths", type=Path, nargs="+", help="a folder, or its files")
    parser.add_argument("--who", default=getpass.getuser(), help="who answers for it")
    parser.add_argument("--why", default="import", help="the reason, kept with the revision")
    arguments = parser.parse_args(argv[1:])
    registry, problems = examine(arguments.paths)
    common.complain(problems)
    if registry is None or any(problem.level is Level.ERROR for problem in problems):
        return EXIT_CONFIG
    config = common.settings(arguments.config)
    with common.operations(config) as operations:
        now = common.clock(config).now()
        revision = operations.save_registry(registry, arguments.who, arguments.why, now)
    print(
        f"revision {revision}: {len(registry.sites)} site(s), {len(registry.places)} places, "
        f"{len(registry.devices)} devices, {len(registry.people)} people"
    )
    return 0


def _export(argv: Sequence[str]) -> int:
    parser = common.parser("export", "Write the community to TOML files, secrets as references.")
    parser.add_argument("folder", type=Path)
    arguments = parser.parse_args(argv[1:])
    folder: Path = arguments.folder
    if folder.exists() and not folder.is_dir():
        print(f"{folder}: is no folder; name another", file=sys.stderr)
        return EXIT_CONFIG
    with common.known_operations(common.settings(arguments.config)) as operations:
        registry = operations.registry()
    for path in write(registry, folder):
        print(path)
    return 0
