"""The kinds of rules, by the word that a pack uses: a new kind is a file and a line here."""

from alerts.rules.absence import Absence
from alerts.rules.aside import Aside
from alerts.rules.balance import Balance
from alerts.rules.baseline import Baseline
from alerts.rules.circuit import Circuit
from alerts.rules.combination import Combination
from alerts.rules.dryweather import DryWeather
from alerts.rules.flat import Flat
from alerts.rules.kofn import KofN
from alerts.rules.missing import Missing
from alerts.rules.outage import Outage
from alerts.rules.pattern import Pattern
from alerts.rules.rate import Rate
from alerts.rules.rise import Rise
from alerts.rules.rule import Rule
from alerts.rules.session import Session
from alerts.rules.sum import Sum
from alerts.rules.threshold import Threshold
from alerts.rules.waterclass import WaterClass

KINDS: dict[str, type[Rule]] = {
    "threshold": Threshold,
    "absence": Absence,
    "missing": Missing,
    "rise": Rise,
    "rate": Rate,
    "flat": Flat,
    "sum": Sum,
    "baseline": Baseline,
    "k-of-n": KofN,
    "dry-weather": DryWeather,
    "water-class": WaterClass,
    "circuit": Circuit,
    "balance": Balance,
    "session": Session,
    "pattern": Pattern,
    "combination": Combination,
    "outage": Outage,
    "set-aside": Aside,
}
