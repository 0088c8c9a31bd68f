"""docs/rules.md, made from the packs: ``python -m alerts.rules.page > docs/rules.md``."""

import sys
from collections.abc import Iterator

from alerts.packs import notices, shipped
from alerts.rules.kinds import KINDS
from alerts.rules.packs import Packs, read_packs
from alerts.rules.rule import COMMON_HOLES, Rule, spell_duration
from edge.contract.metrics import METRICS

_HEAD = """# Rules

Made from `alerts/packs/*.toml` by `python -m alerts.rules.page > docs/rules.md`; a test compares.

## How a rule reads

```toml
[[rule]]
id = "eb-port-overp"              # [a-z0-9-], unique over all packs
kind = "threshold"                # see below
metric = "power"                  # of edge/contract/metrics.py; some kinds have several, or none
places = ["shed"]                 # reach, shed, risk-point; device: what a device says of itself;
                                  # cell: what the house says of itself
of = "port"                       # readings with a port, "place" without one, "either" (default)
class = "safety"                  # fire, flood, safety, pollution, upkeep, watch
stale = "nothing"                 # what silence means, see below; fire, flood and safety say it
on = 1.0                          # 0: only where a place switches it on; a place may switch it off
names = { zh = "…", en = "…" }
source = { text = "…", mark = "proposal" }   # confirmed, own knowledge, proposal
blind_to = { zh = "…", en = "…" }            # what it cannot see

[[rule.step]]                     # least severe first; the incident has the highest that is raised
severity = "major"                # info, minor, major, critical
above = 800.0
clear = 720.0
for = "10s"
keep = "1m"
bands = [{ hours = ["22:00", "06:00"], months = [6, 7, 8] }]   # by the site's clock; none: always

[rule.say.zh]                     # and [rule.say.en]
what = "{place} {port}功率 {value} 瓦。"
why = "超过 {limit} 瓦。"
do = "…"
clear = "…"
```

| kind | what it judges | its own keys | raised | cleared |
|---|---|---|---|---|
| threshold | the value | `per_place`: judged only where a place gives the numbers; `inrush`: the first value after one under it is not judged, unless it is above the severest limit | strictly beyond the limit for `for`, in `samples` values in a row | at or within the clear limit for `keep` |
| missing | minutes without a value of `metric` while one of `signs` comes from the same device | `signs` | as threshold; not before its own interval is overdue | once it is heard for `keep` |
| rise | the rise above the least of `window` (at least as long as a value holds), over medians of three values; with `usual` only what stands `over_usual` above the median of that while | `window`, `settle`, `floor`, `usual`, `over_usual`; steps: `rise` (unit of the metric), `percent` (both when both are given), `clear` (part of the rise, 0.5) | so far above it | back to `clear` of the rise above that base for `keep`; or no new rise for `settle` |
| rate | the change over `over`, told for each `per`; with `minutes_to_line` how soon the value is at the place's own `line`, from `over_usual` above the median of `usual` on | `over`, `per`, `line`, `minutes_to_line`, `usual`, `over_usual` | as threshold | as threshold |
| flat | for how many hours a value has stayed within its tolerance | `tolerances` and `floors` by metric | as threshold | as threshold: once it moves |
| absence | how long nothing has arrived from a device | `keep`; steps: `after` | for `after`, at least until the device is overdue by its own interval | heard again for `keep` |
| sum | what has come together over 1, 3, 6, 12 and 24 hours | steps: `in_1h` to `in_24h`, `clear` (part of the line, 0.8), `called` | any line is reached | all windows under `clear` of their lines for `keep` |
| baseline | percent beyond the usual range of this hour of the day, over the last `window` | `window`, `quantile`, `learn` (days), `least` | as threshold | as threshold |
| k-of-n | how many conditions are met: within `window`, or without one at once | `among` (`metric`, `above`, `below`, `samples`), `window`, `wait` | more than `above` | as threshold |
| dry-weather | as rise, above the least or (`from = "usual"`) the median of `window`, or the least of the last day where that is more | those of rise, `dry`, `rain_mm`, `wait`, `causes`, `needs_gauge`, `habit`, `often` | as rise, unless so much rain fell near by within `dry`, or `often` rises within `habit` have peaked higher; without a gauge that knows, the cause is said to be unknown | as rise |
| water-class | how many classes of GB 3838 the worst mean of `window` is worse than the place's `target` (1 to 5); oxygen, permanganate index, COD, BOD5, ammonia, phosphorus | `window`, `target` | as threshold | as threshold |
| circuit | percent of the circuit's rating: by its feeder's `current`, else its sockets' | | as threshold | as threshold; not while a socket is silent, since the sum is a lower bound then |
| balance | percent between a feeder's power and its sockets' | `floor` (W), `wait` | as threshold | as threshold |
| session | one `aspect` of a charging session: `duration` (hours), `float` (minutes), `plateau` (hours), `float-rise` (percent), `step` (W), `energy` (Wh) | `aspect`, `start_w`, `float_w`, `idle_w`, `window` | as threshold | as threshold: at the latest when the session ends |
| pattern | how often the value turned by `percent` and `least` within `window`, or within twelve of its intervals where that is longer | `window`, `percent`, `least` | as threshold | as threshold |
| combination | whether parts hold together: `rule` with `at_least`, official `warning` with `colour`, `metric` with `above` or `below` | steps: `all`, `any` | all of `all`, and any of `any`, for `for` | no longer, for `keep` |
| outage | percent of a shed's devices, or, where it has one alone, of the site's, that fell silent within `window` of one another; at least two, and not those that were silent before, speak through a gateway or are bound to `mains` or `battery` | `silences` (absence rules), `window` | as threshold | as threshold: as they come back |
| set-aside | whether a rule has failed there: an error inside the program | steps: `classes`, of the rule that failed | at once; see below | it has run through again for ten minutes |

Steps of a limit have `above`, `below` or `outside = [low, high]`; `clear` (one side) or `back`
(distance, both sides); `for`, `keep`, `samples`, `bands`. Outside of its bands a step is as good as
clear. Rules over several series take their readings in by the order of their time and hold each back
for `wait`, so that what comes up to `wait` out of order makes no difference; those of safety have none.

`stale` says what silence means after a value beyond the limit: `nothing` (it neither raises nor clears;
that the device is missed is said by an absence rule) or `counts` (the last value goes on counting
towards `for`, since the silence may be the danger).

A rule that raises an error is taken out at that subject and nowhere else: what it said last stands, all
other rules go on. A fresh state is tried a minute later, then after twice as long each time up to an
hour, on the time that the house has seen, and at each revision of packs or registry. Once it has run
through for ten minutes, what it says holds and the incident of kind `set-aside` ends. The part `rules`
of `/readyz` names rule, subject and error meanwhile.

Near by means the same site, the nearest four gauges, and within 5 km where places have coordinates.
An official warning is a record of the journal; `rainstorm`, `waterlogging`, `flood` and `heat` are its
events in the shipped packs. No feed of warnings is built in yet.

Durations are `10s`, `30m`, `2h`, `1d`, on observed time. A value holds until its device is overdue
(`overdue` times the binding's interval); after a longer silence the waits begin anew, since stale
input neither raises nor clears. Late values change nothing. Values that intake withheld (sentinel,
gross range) are not judged, but they show that the device is alive. Where two devices measure the
same, each is judged and the worse counts. Silence is judged on arrival and only while the house
itself sees: blind intervals are left out, and after one a device has one interval and a minute to
come back. Rain that comes late is added to the windows that are still open.

A place changes numbers by an override in the registry: `set = { above = 700 }` means the first step
that has the key, `"critical.above" = 1500` a step by its severity; durations are in seconds (`for`,
`keep`, `after`, `window`, `settle`, `over`, `dry`, `wait`). A clear limit keeps its distance when its
limit moves. `set = { on = 0 }` switches a rule off there.

Messages may name `{where}`, `{place}`, `{port}` (only with `of = "port"`), `{device}`, `{metric}`,
`{unit}`, `{minutes}`, and what their kind gives:

KIND_HOLES

`shouwang check` fills each sentence with figures as extreme as they can come, and refuses one that
would stay empty or be too long.

## How often they ring on recorded seasons

Recorded values as they came, faults included, with the numbers below (`make bench-seasons`):

| recording | riv-cond-rise | riv-ph | riv-do-low | riv-level-rise | riv-unusual | riv-flat | riv-offline |
|---|---|---|---|---|---|---|---|
| Logan River, Main Street, 9 months of 2019, 15 min | 10: 7 from January to March (cause unknown, road salt likely), 3 while the probe was faulty in August | 2: algae, once for all of July; a fault | 1, a faulty probe | 0 | 1, the faulty probe of August | 0 | 0 |
| Blacksmith Fork, 11 months of 2019, 15 min | 3: a visit, a step and a fault of the probe | 2: algae in June; a fault | 0 | 0 | 0 | 2, a stuck oxygen probe | 0 |
| Pringle Creek upstream, 6 months of 2019, 5 min | 1 | 0 | 3, each of several nights | 1, a storm | 0 | 0 | 4 |
| Pringle Creek downstream, 6 months of 2019, 5 min | 0 | 1 | 1 | 1, the same storm | 0 | 2 | 4 |

None of these has a rain gauge near by, so each `riv-cond-rise` says that its cause is unknown, and
`riv-turb-dry` is silent. What was changed because of Main Street (`habit`, `usual`, a pH of 0 withheld)
was chosen with the other three in sight and makes them quieter, too; the wait of `riv-offline` comes from Pringle Creek.
Of the charging rules none rings on the recorded chargers, two nights in June 2023, read each 1, 10, 60
and 300 s and with up to four hours of plateau put before them.

## How soon they notice

The column "noticed after" below is measured by `make bench-seasons` and written beside the packs
(`alerts/packs/notices.json`); a test measures the slowest samplings anew. The faults are made up: put into
the four recorded charging curves, into a simulated shed, or into seasons of a simulated reach, each with
three seeds. By how often a reading came it says the median and, in brackets, the 95 % quantile from the
moment on which the danger began or crossed its line until people could hear of it; how many were found
where it was not all. A fault that is over between two readings of a slow meter is not found: of the
appliances that were plugged in for three minutes only some, at a reading each five.

## The shipped rules
"""


def page(packs: Packs) -> str:
    """The whole page."""
    head = _HEAD.replace("KIND_HOLES", "\n".join(_holes()))
    return "\n".join(
        [head, *(_section(packs, home) for home in dict.fromkeys(packs.homes.values()))]
    )


def _holes() -> Iterator[str]:
    for name, kind in KINDS.items():
        given = ", ".join(f"`{{{hole}}}`" for hole in sorted(kind.GIVES - COMMON_HOLES))
        yield f"- {name}: {given}"


def _section(packs: Packs, home: str) -> str:
    lines = [
        f"### {home}\n",
        "| rule | listens to | class | rings | source | cannot see | noticed after |",
        "|---|---|---|---|---|---|---|",
    ]
    for rule in packs.rules.values():
        if packs.homes[rule.id] == home:
            lines.append(f"| {' | '.join(_cells(rule))} |")
    return "\n".join(lines) + "\n"


def _cells(rule: Rule) -> Iterator[str]:
    yield f"`{rule.id}` {rule.names.zh}, {rule.names.en}"
    what = ", ".join(map(_named, rule.metrics)) or (
        "anything" if rule.JUDGES_DEVICES else "see there"
    )
    yield f"{what}; {', '.join(rule.places)}{'' if rule.on else '; off unless a place switches it on'}"
    yield rule.cls.value
    yield "; ".join(rule.spell()) or "only with a place's own numbers"
    yield f"{rule.source.text} [{rule.source.mark}]"
    yield rule.blind_to.en
    yield "; ".join(_noticed(rule.id)) or "not measured"


def _noticed(rule: str) -> Iterator[str]:
    """By how often a reading came: the median time, and the 95 % one; how many where not all."""
    for step_s, (found, events, half, most) in notices().get(rule, {}).items():
        each = spell_duration(1000 * int(step_s))
        times = "never" if half is None or most is None else f"{_spelt(half)} ({_spelt(most)})"
        yield f"{each}: {times}" + ("" if found == events else f", {found} of {events}")


def _spelt(seconds: int) -> str:
    if seconds < 100:
        return f"{seconds} s"
    return f"{seconds / 60:.0f} min" if seconds < 6_000 else f"{seconds / 3600:.1f} h"


def _named(metric: str) -> str:
    known = METRICS.get(metric)
    return f"{metric} ({known.unit})" if known and known.unit else metric


if __name__ == "__main__":
    sys.stdout.write(page(read_packs(shipped())))
