"""The commands that put a version in place: ``upgrade`` and, for its service, ``trial``."""

import argparse
import logging
import sys
from pathlib import Path
from typing import Any

from edge.errors import UpgradeError, UpgradeMissing
from edge.install.versions import REPORT, ROOT, Versions

DONE, REFUSED, MISSING = 0, 2, 3


def add_to(commands: Any) -> None:
    """The two commands as subparsers, each with ``act``."""
    text = "install a version beside the running one and put it on trial"
    upgrade = commands.add_parser("upgrade", help=text, description=text)
    upgrade.add_argument("source", metavar="WHEEL", help="shouwang-...whl, or a version's name")
    upgrade.add_argument("--config", type=Path, default=Path("/etc/shouwang/edge.toml"))
    upgrade.add_argument("--root", type=Path, default=ROOT)
    upgrade.add_argument("--extras", help="drivers, such as modbus,gpio; else those of the old one")
    upgrade.add_argument("--wheels", type=Path, help="a folder with packages, instead of a network")
    upgrade.set_defaults(act=_upgrade)
    text = "judge the version on trial; shouwang-edge-trial.service does"
    trial = commands.add_parser("trial", help=text, description=text)
    trial.add_argument("--root", type=Path, default=ROOT)
    trial.add_argument("--report", type=Path, default=REPORT)
    trial.add_argument("--within", type=float, metavar="S")
    trial.add_argument("--settle", type=float, metavar="S")
    trial.set_defaults(act=_trial)


def _upgrade(call: argparse.Namespace) -> int:
    """0: in place or on trial; 2: refused, and why; 3: something outside is not there."""
    from subprocess import CalledProcessError

    from edge.install.upgrade import EXTRAS, Upgrade, upgrade

    extras = None
    if call.extras is not None:
        extras = tuple(sorted({word for word in call.extras.split(",") if word}))
        if unknown := set(extras) - set(EXTRAS):
            print(f"--extras: {', '.join(unknown)}; there are {', '.join(EXTRAS)}", file=sys.stderr)
            return REFUSED
    versions = Versions(call.root)
    is_first = versions.current is None
    asked = Upgrade(source=call.source, config=call.config, extras=extras, wheels=call.wheels)
    try:
        new = upgrade(versions, asked)
    except UpgradeError as error:
        print(error, file=sys.stderr)
        return MISSING if isinstance(error, UpgradeMissing) else REFUSED
    except (OSError, CalledProcessError) as error:  # the switch is made, systemd does not follow
        print(f"{error}; restart the box, the trial then goes on", file=sys.stderr)
        return MISSING
    if is_first:
        print(f"{new} is in {call.root}/current")
    else:
        print(f"{new} is on trial; `journalctl -fu shouwang-edge-trial` says how it ends")
    return DONE


def _trial(call: argparse.Namespace) -> int:
    from edge.install.trial import SETTLE_S, WITHIN_S, Terms, judge

    logging.basicConfig(stream=sys.stderr, level=logging.INFO, format="%(levelname)s %(message)s")
    terms = Terms(
        within_s=WITHIN_S if call.within is None else call.within,
        settle_s=SETTLE_S if call.settle is None else call.settle,
    )
    judge(Versions(call.root), call.report, terms)
    return DONE
