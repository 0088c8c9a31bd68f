"""The kinds of rules, by the word that a pack uses: a new kind is a file and a line here."""

from alerts.rules.absence import Absence
from alerts.rules.rise import Rise
from alerts.rules.rule import Rule
from alerts.rules.threshold import Threshold

KINDS: dict[str, type[Rule]] = {
    "threshold": Threshold,
    "absence": Absence,
    "rise": Rise,
}
