"""`shouwang check`: every mistake in the settings, the community and the rule packs, at once."""

from collections.abc import Sequence
from pathlib import Path

from alerts.registry.problem import Level
from alerts.registry.toml import examine
from alerts.rules.packs import PackError, problems, read_packs
from collector.commands import common
from collector.config import Config
from collector.errors import EXIT_CONFIG, ConfigError
from collector.own_packs import OwnPacks


def main(argv: Sequence[str]) -> int:
    parser = common.parser("check", "Find every mistake in settings, community and rule packs.")
    parser.add_argument("paths", type=Path, nargs="*", help="a community's folder, or its files")
    parser.add_argument("--packs", type=Path, nargs="*", default=[], help="packs of your own")
    arguments = parser.parse_args(argv[1:])
    errors: list[object] = []
    warnings: list[object] = []
    looked = []
    settings: Config | None = None
    if arguments.config.exists() or arguments.config != common.DEFAULT_CONFIG:
        looked.append(str(arguments.config))
        try:
            settings = common.settings(arguments.config)
        except ConfigError as error:
            errors += error.problems
    registry = None
    if arguments.paths:
        looked += [str(path) for path in arguments.paths]
        registry, found = examine(arguments.paths)
        errors += [problem for problem in found if problem.level is Level.ERROR]
        warnings += [problem for problem in found if problem.level is Level.WARNING]
    own = OwnPacks(settings.rules.packs if settings else "")
    texts = own.texts()
    errors += [own.why] if own.why else []
    for path in arguments.packs:
        try:
            texts[str(path)] = path.read_text("utf-8")
        except OSError as error:
            errors.append(f"{path}: cannot be read ({error.strerror}); name another")
    looked.append(f"{len(texts)} rule packs")
    try:
        packs = read_packs(texts)
    except PackError as error:
        errors += error.problems
    else:
        if registry is not None:
            for problem in problems(packs, registry):
                (warnings if problem.warning else errors).append(problem)
    common.complain(f"error: {problem}" for problem in errors)
    common.complain(f"warning: {problem}" for problem in warnings)
    print(f"{', '.join(looked)}: {len(errors)} errors, {len(warnings)} warnings")
    return EXIT_CONFIG if errors else 0
