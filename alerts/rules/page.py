"""docs/rules.md, made from the packs: ``python -m alerts.rules.page > docs/rules.md``."""

import sys
from collections.abc import Iterator

from alerts.packs import shipped
from alerts.rules.packs import Packs, read_packs
from alerts.rules.rule import Rule
from edge.contract.metrics import METRICS

_HEAD = """# Rules

Made from `alerts/packs/*.toml` by `python -m alerts.rules.page > docs/rules.md`; a test compares.

## How a rule reads

```toml
[[rule]]
id = "eb-port-overp"              # [a-z0-9-], unique over all packs
kind = "threshold"                # threshold, absence, rise
metric = "power"                  # of edge/contract/metrics.py; absence has none
places = ["shed"]                 # reach, shed, risk-point; device: what a device says of itself;
                                  # cell: what the house says of itself
of = "port"                       # readings with a port, "place" without one, "either" (default)
class = "safety"                  # fire, flood, safety, pollution, upkeep, watch
names = { zh = "…", en = "…" }
source = { text = "…", mark = "proposal" }   # confirmed, own knowledge, proposal
blind_to = { zh = "…", en = "…" }            # what it cannot see

[[rule.step]]                     # least severe first; the incident has the highest that is raised
severity = "major"                # info, minor, major, critical
above = 800.0
clear = 720.0
for = "10s"
keep = "1m"

[rule.say.zh]                     # and [rule.say.en]
what = "{place} {port}功率 {value} 瓦。"
why = "超过 {limit} 瓦。"
do = "…"
clear = "…"
```

| kind | keys of a step | keys of the rule | raised | cleared |
|---|---|---|---|---|
| threshold | `above`, `below`; `clear` (one side) or `back` (distance, both sides); `for`, `keep`, `samples` | `per_place`: judged only where a place gives the numbers | strictly beyond the limit for `for`, in `samples` values in a row | at or within the clear limit for `keep` |
| rise | `rise` (unit of the metric), `percent` (both when both are given), `clear` (part of the rise, 0.5), `for`, `keep`, `samples` | `window`, `settle`, `floor` | so far above the least of `window`, taken over medians of three values | back to `clear` of the rise above that base for `keep`; or no new rise for `settle` |
| absence | `after` | `keep` | nothing arrived for `after`, at least until the device is overdue by its own interval | heard again for `keep` |

Durations are `10s`, `30m`, `2h`, `1d`, on observed time. A value holds until its device is overdue
(`overdue` times the binding's interval); after a longer silence the waits begin anew, since stale
input neither raises nor clears. Late values change nothing. Values that intake withheld (sentinel,
gross range) are not judged, but they show that the device is alive. Where two devices measure the
same, each is judged and the worse counts. Silence is judged on arrival and only while the house
itself sees: blind intervals are left out, and after one a device has one interval and a minute to
come back.

A place changes numbers by an override in the registry: `set = { above = 700 }` means the first step
that has the key, `"critical.above" = 1500` a step by its severity; durations are in seconds (`for`,
`keep`, `after`, `window`, `settle`). A clear limit keeps its distance when its limit moves.

Messages may name `{where}`, `{place}`, `{port}` (only with `of = "port"`), `{device}`, `{metric}`,
`{unit}`, `{minutes}`; threshold and rise also `{value}`, `{limit}`, `{peak}`; rise also
`{from_value}`, `{rise}`, `{percent}`, `{window}` (minutes); absence `{status}`.

## How often they ring on recorded seasons

Recorded values as they came, faults included, with the numbers below (`alerts/replay.py`):

| recording | riv-cond-rise | riv-ph | riv-do-low | riv-level-rise |
|---|---|---|---|---|
| Logan River, Main Street, 9 months of 2019, 15 min | 26: 23 from January to March (cause unknown, road salt likely), 3 while the probe was faulty in August | 4: algae, once for all of July; 3 faults or visits | 1, a faulty probe | 6 |
| Blacksmith Fork, 11 months of 2019, 15 min | 5 | 3: algae in June; 2 faults or visits | 0 | 4 |
| Pringle Creek upstream, 6 months of 2019, 5 min | 2 | 0 | 3, each of several nights | 1 |
| Pringle Creek downstream, 6 months of 2019, 5 min | 1 | 1 | 1 | 1 |

## The shipped rules
"""


def page(packs: Packs) -> str:
    """The whole page."""
    return "\n".join(
        [_HEAD, *(_section(packs, home) for home in dict.fromkeys(packs.homes.values()))]
    )


def _section(packs: Packs, home: str) -> str:
    lines = [
        f"### {home}\n",
        "| rule | listens to | class | rings | source | cannot see |",
        "|---|---|---|---|---|---|",
    ]
    for rule in packs.rules.values():
        if packs.homes[rule.id] == home:
            lines.append(f"| {' | '.join(_cells(rule))} |")
    return "\n".join(lines) + "\n"


def _cells(rule: Rule) -> Iterator[str]:
    yield f"`{rule.id}` {rule.names.zh}, {rule.names.en}"
    metric = METRICS.get(rule.metric)
    what = f"{metric.name} ({metric.unit})" if metric and metric.unit else rule.metric or "anything"
    yield f"{what}, {', '.join(rule.places)}"
    yield rule.cls.value
    yield "; ".join(rule.spell()) or "only with a place's own numbers"
    yield f"{rule.source.text} [{rule.source.mark}]"
    yield rule.blind_to.en


if __name__ == "__main__":
    sys.stdout.write(page(read_packs(shipped())))
