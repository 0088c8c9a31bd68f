"""The rule packs that are to run: the shipped ones, and those of a folder of one's own.

A file of one's own stands in the place of a shipped one of the same name. What is in the files is
judged by the rules themselves: a mistake in any keeps what runs (``Engine.refused``).
"""

from pathlib import Path

from alerts.packs import shipped
from alerts.rules.packs import PackError, Packs, read_packs


class OwnPacks:
    """``why`` says which files could not be read last, or ""."""

    def __init__(self, folder: str) -> None:
        self.why = ""
        self._folder = Path(folder) if folder else None
        self._last: dict[str, str] = {}

    def texts(self) -> dict[str, str]:
        """File name -> TOML text. What cannot be read stands as it was read last."""
        if self._folder is None:
            return shipped()
        found, whys = shipped(), []
        try:
            paths = sorted(path for path in self._folder.iterdir() if path.suffix == ".toml")
        except OSError as error:
            self.why = f"{self._folder}: cannot be read ({error.strerror}); make the folder or mend rules.packs"
            return found | self._last
        own: dict[str, str] = {}
        for path in paths:
            try:
                own[path.name] = path.read_text("utf-8")
            except (OSError, UnicodeDecodeError) as error:
                what = getattr(error, "strerror", None) or "it is no UTF-8"
                whys.append(f"{path}: cannot be read ({what}); mend it or move it away")
                if path.name in self._last:
                    own[path.name] = self._last[path.name]
        self.why, self._last = "; ".join(whys), own
        return found | own


def packs_for_pages(folder: str) -> Packs:
    """Those that run, as far as one can know without the journal: with mistakes, the shipped ones."""
    try:
        return read_packs(OwnPacks(folder).texts())
    except PackError:
        return read_packs(shipped())
