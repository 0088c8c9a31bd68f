"""What the shipped rules make of seasons: recorded rivers and chargers, made-up months with labelled
events, and faults put into recorded charging curves, each at several samplings and with gaps.

Found of how many, how soon, and what rang for nothing. ``--write`` puts the times to notice beside
the packs, where docs/rules.md takes them from. ``--quick`` takes the slowest sampling alone.
"""

import argparse
import json
from pathlib import Path

from rich.console import Console
from rich.table import Table

import alerts.packs
from benchmarks.report import WIDTH, Figure, Wanted, report
from tests.alerts.seasons import box, reach, recorded, shed
from tests.alerts.seasons.notice import (
    REACH_STEPS,
    SHED_STEPS,
    Notice,
    at_reaches,
    in_sheds,
    judged,
    notices,
)
from tests.alerts.seasons.season import Season, Verdict, gappy, judge

NOTICES = Path(alerts.packs.__file__).parent / "notices.json"
QUIET_SEEDS = (11, 12, 13)  # none of those that the rules were tuned on

Notices = dict[str, dict[str, Notice]]
"""By rule, by seconds between readings."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="the slowest sampling alone")
    parser.add_argument("--write", action="store_true", help="renew alerts/packs/notices.json")
    given = parser.parse_args()
    table, figures, notes, wanted = measure(quick=given.quick)
    _show(table)
    print(report("seasons", figures, notes, wanted=wanted))
    if given.write and not given.quick:
        write(table)


def measure(
    *, quick: bool = False
) -> tuple[Notices, dict[str, Figure], dict[str, str], dict[str, Wanted]]:
    """The times to notice by rule, the figures, how they were found, and what is wanted of them."""
    table: Notices = {}
    figures: dict[str, Figure] = {}
    whole = Verdict()
    for steps, seasons in ((REACH_STEPS, at_reaches), (SHED_STEPS, in_sheds)):
        for step_s in steps[-1:] if quick else steps:
            verdict = judged(seasons(step_s))
            whole.add(verdict)
            for rule, notice in notices(verdict).items():
                table.setdefault(rule, {})[str(step_s)] = notice
    for rule, by_step in table.items():
        for step_text, (found, events, half, most) in by_step.items():
            key = f"{rule.replace('-', '_')}_at_{step_text}s"
            figures |= {f"{key}_found": found, f"{key}_events": events}
            if half is not None and most is not None:
                figures |= {f"{key}_notice_p50_s": half, f"{key}_notice_p95_s": most}
    figures["events"] = len(whole.found)
    figures["events_found_percent"] = round(100 - 100 * len(whole.missed) / len(whole.found), 1)
    figures["false_rings_among_events"] = len(whole.false)
    notes = {
        "events": "one for each rule that must ring in it",
        "events_found_percent": "a meter that is too slow for a fault counts as a miss",
        "false_rings_among_events": "in the same seasons, outside of any event that explains them",
    }
    wanted = {"false_rings_among_events": Wanted(most=0), "events_found_percent": Wanted(least=98)}
    for name, verdict in _quiet(quick):
        per_month = round(len(verdict.false) / verdict.months, 3)
        figures[f"{name}_months"] = round(verdict.months, 1)
        figures[f"{name}_rings_per_place_month"] = per_month
        wanted[f"{name}_rings_per_place_month"] = Wanted(most=1)
    for name, season in _recordings():
        verdict = judge(season)
        figures[f"{name}_months"] = round(verdict.months, 1)
        figures[f"{name}_rings"] = len(verdict.false)
        rules = sorted(ring.rule for _, ring in verdict.false)
        counted = {rule: rules.count(rule) for rule in dict.fromkeys(rules)}
        notes[f"{name}_rings"] = "; ".join(f"{rule} {n}" for rule, n in counted.items())
    nights = Verdict()
    for step_s in (1, 10, 60, 300):
        for before_h in (0, 2, 4):
            nights.add(judge(shed.night(step_s, before_s=before_h * 3600)))
    figures["normal_sessions_ringing"] = len(nights.false)
    notes["normal_sessions_ringing"] = (
        "recorded chargers at 1, 10, 60 and 300 s, with 0, 2 and 4 h of plateau put before them"
    )
    wanted["normal_sessions_ringing"] = Wanted(most=0)
    return table, figures, notes, wanted


def write(table: Notices, path: Path = NOTICES) -> None:
    """One line for each rule, so that a change can be read."""
    lines = [
        f"  {json.dumps(rule)}: {json.dumps(by_step)}" for rule, by_step in sorted(table.items())
    ]
    path.write_text("{\n" + ",\n".join(lines) + "\n}\n", "utf-8")


def _quiet(quick: bool) -> list[tuple[str, Verdict]]:
    reaches, sheds = Verdict(), Verdict()
    for seed in QUIET_SEEDS:
        for step_s in REACH_STEPS[-1:] if quick else REACH_STEPS[1:]:
            month = reach.quiet_month(seed, step_s)
            reaches.add(judge(month))
            reaches.add(judge(gappy(month)))
        for step_s in SHED_STEPS[-1:] if quick else SHED_STEPS[1:]:
            sheds.add(judge(box.quiet(seed, step_s, 30 if step_s > 60 else 10)))
    return [("quiet_reach", reaches), ("quiet_shed", sheds)]


def _recordings() -> list[tuple[str, Season]]:
    found = [
        (f"{station.replace('-', '_')}_at_{step_s}s", recorded.river(station, step_s))
        for station in recorded.STATIONS
        for step_s in (300, 900)
        if step_s >= recorded.STATIONS[station][4]
    ]
    found += [("storm_of_cumbria", recorded.storm()), ("week_at_main_street", recorded.week())]
    return [(name, season) for name, season in found if season is not None]


def _show(table: Notices) -> None:
    shown = Table("rule", "reading each", "found", "median", "95 %", title="time to notice")
    for rule, by_step in sorted(table.items()):
        for step_text, (found, events, half, most) in by_step.items():
            times = ("–" if s is None else f"{s:,} s" for s in (half, most))
            shown.add_row(rule, f"{step_text} s", f"{found} of {events}", *times)
    console = Console()
    if not console.is_terminal:
        console.width = WIDTH
    console.print(shown)


if __name__ == "__main__":
    main()
