"""The judge of a new version: it reports in time and goes on, or the old one is put back.

It runs from the version that proved itself before, as a service of its own that starts again with
the box, so neither a new version that cannot start nor a power cut escapes it.
"""

import logging
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

from edge.install.versions import Trial, Versions

WITHIN_S = 600.0  # of running; a power cut begins it anew, since a modem may need minutes
SETTLE_S = 60.0  # so long one process must go on after it reported
MOST_STARTS = 3  # then the power is no excuse any more
LOOK_S = 1.0
SERVICE = "shouwang-edge.service"
JUDGE = "shouwang-edge-trial.service"

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """Real seconds of this boot: no clock can be trusted on a box."""

    within_s: float = WITHIN_S
    settle_s: float = SETTLE_S
    most_starts: int = MOST_STARTS


def judge(versions: Versions, report: Path, terms: Terms) -> bool:
    """Wait for the end of the trial: whether the version that now runs is the one that should.

    False when the old one was put back. Without a trial it is True at once.
    """
    trial = versions.trial()
    if trial is None:
        versions.end_trial()  # of an upgrade that was cut off before its switch
        return True
    trial = versions.count_start(trial)
    if trial.starts > terms.most_starts:
        reason = f"it has not reported in {terms.most_starts} starts of the box"
    else:
        _log.info("trial: %s has %.0f s to report", trial.new, terms.within_s)
        reason = _wait(trial, report, terms)
    if not reason:
        versions.keep()
        _log.info("trial: %s reports and is kept", trial.new)
        return True
    versions.roll_back(trial, reason)
    _log.error("trial: %s: %s; %s is put back", trial.new, reason, trial.old)
    restart(SERVICE)
    return False


def restart(unit: str) -> None:
    """OSError or CalledProcessError when systemd does not take it."""
    subprocess.run(["systemctl", "restart", "--no-block", unit], check=True)


def _wait(trial: Trial, report: Path, terms: Terms) -> str:
    """Empty once it has reported and gone on; else why not."""
    began_s = time.monotonic()
    said, since_s, has_reported = "", began_s, False
    while True:
        now_s = time.monotonic()
        word = _read(report, trial.new)
        if word != said:
            said, since_s = word, now_s
            has_reported = has_reported or bool(said)
        if said and now_s - since_s >= terms.settle_s:
            return ""
        if now_s - began_s >= terms.within_s + (terms.settle_s if said else 0.0):
            if has_reported:
                return "it reported, but did not go on"
            return f"nothing of it reached the server within {terms.within_s:g} s"
        time.sleep(min(LOOK_S, terms.settle_s / 5))


def _read(report: Path, new: str) -> str:
    """What the running process says, when it is of that version."""
    try:
        text = report.read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError):
        return ""
    return text if text.split(" ")[0] == new else ""
