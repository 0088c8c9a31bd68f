"""The agent's versions on a device, side by side, and which of them runs.

    /opt/shouwang/
      versions/<name>/   one environment each; `ready` is written last
      current            the one that the service starts: a link
      previous           the one before, which proved itself: a link; it judges its successor
      trial              there while `current` is on trial
      rolled-back        the last one that failed its trial

Every change is one rename, so a power cut leaves the state before it or the state behind it.
"""

import json
import logging
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

ROOT = Path("/opt/shouwang")
REPORT = Path(
    "/run/shouwang-edge/reported"
)  # RuntimeDirectory=: gone with the process and the boot

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """``new`` runs until it is judged; ``starts`` counts how often judging began."""

    old: str
    new: str
    starts: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class RolledBack:
    new: str
    old: str
    reason: str


class Versions:
    """The folder ``root``. What cannot be written is an OSError."""

    def __init__(self, root: Path = ROOT) -> None:
        self.root = root

    @classmethod
    def of_this_process(cls) -> "Versions | None":
        """The folder that this program was started from; None when it is installed otherwise."""
        prefix = Path(sys.prefix)
        return cls(prefix.parent.parent) if prefix.parent.name == "versions" else None

    def path(self, name: str) -> Path:
        return self.root / "versions" / name

    @property
    def current(self) -> str | None:
        return self._target("current")

    @property
    def previous(self) -> str | None:
        return self._target("previous")

    def names(self) -> list[str]:
        try:
            return sorted(os.listdir(self.root / "versions"))
        except FileNotFoundError:
            return []

    def is_ready(self, name: str) -> bool:
        """Whether it was made whole."""
        return (self.path(name) / "ready").is_file()

    def extras(self, name: str) -> tuple[str, ...]:
        """The drivers it was made with."""
        try:
            return tuple((self.path(name) / "ready").read_text("utf-8").split())
        except FileNotFoundError:
            return ()

    def begin(self, name: str) -> None:
        """The first version: nothing to fall back on, so no trial."""
        os.sync()
        self._link("current", name)

    def begin_trial(self, new: str) -> None:
        """Switch to ``new``, to be judged. The order matters: see ``trial``."""
        old = self.current
        assert old is not None
        os.sync()  # its files, before anything leads to them
        self._link("previous", old)
        self._put("trial", Trial(old=old, new=new))
        self._link("current", new)

    def trial(self) -> Trial | None:
        """The trial under way. One whose switch did not happen any more is none."""
        raw = self._get("trial")
        trial = None if raw is None else Trial(**raw)
        return trial if trial is not None and trial.new == self.current else None

    def count_start(self, trial: Trial) -> Trial:
        """A full disk costs the count, not the judgement."""
        counted = Trial(old=trial.old, new=trial.new, starts=trial.starts + 1)
        try:
            self._put("trial", counted)
        except OSError as error:
            _log.warning("trial cannot be written: %s", error)
        return counted

    def keep(self) -> None:
        """The new one has proved itself."""
        self._drop("rolled-back")
        self.end_trial()

    def end_trial(self) -> None:
        """Leave things as they stand."""
        self._drop("trial")

    def roll_back(self, trial: Trial, reason: str) -> None:
        """Switch back to the old one and write down why, if the disk takes it."""
        try:
            self._put("rolled-back", RolledBack(new=trial.new, old=trial.old, reason=reason))
        except OSError as error:
            _log.warning("rolled-back cannot be written: %s", error)
        self._link("current", trial.old)
        self._drop("trial")

    def rolled_back(self) -> RolledBack | None:
        """What failed its trial last, as long as nothing newer was kept."""
        raw = self._get("rolled-back")
        return None if raw is None else RolledBack(**raw)

    def _target(self, link: str) -> str | None:
        try:
            return Path(os.readlink(self.root / link)).name
        except OSError:
            return None

    def _link(self, link: str, name: str) -> None:
        fresh = self.root / f".{link}"
        fresh.unlink(missing_ok=True)
        fresh.symlink_to(Path("versions") / name)
        os.replace(fresh, self.root / link)
        self._sync()

    def _put(self, name: str, value: Trial | RolledBack) -> None:
        fresh = self.root / f".{name}"
        with fresh.open("w", encoding="utf-8") as file:
            json.dump(asdict(value), file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(fresh, self.root / name)
        self._sync()

    def _get(self, name: str) -> dict[str, Any] | None:
        try:
            raw = json.loads((self.root / name).read_text("utf-8"))
        except (OSError, ValueError):
            return None
        return raw if isinstance(raw, dict) else None

    def _drop(self, name: str) -> None:
        (self.root / name).unlink(missing_ok=True)
        self._sync()

    def _sync(self) -> None:
        folder = os.open(self.root, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)


def say_reported(run: str) -> None:
    """Leave word for the judge: the server has named a reading of this run."""
    folder = os.environ.get("RUNTIME_DIRECTORY", "").split(":")[0]
    if not folder:
        return
    try:
        fresh = Path(folder) / ".reported"
        fresh.write_text(f"{Path(sys.prefix).name} {run}\n", encoding="utf-8")
        os.replace(fresh, Path(folder) / REPORT.name)
    except OSError as error:
        _log.warning(
            "%s cannot be written (%s): a trial would not know that we report", folder, error
        )
