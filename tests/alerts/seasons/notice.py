"""How soon each rule notices: all made-up seasons at one sampling, put together by rule."""

from collections.abc import Iterator, Mapping

from tests.alerts.seasons import box, reach, shed
from tests.alerts.seasons.season import Season, Verdict, judge, of_rules, share

REACH_STEPS, SHED_STEPS = (60, 300, 900), (10, 60, 300)
SEEDS = (1, 2, 3)

Notice = tuple[int, int, int | None, int | None]
"""Found, of how many, and after how many seconds: the median and the 95 % quantile."""


def at_reaches(step_s: int, seeds: tuple[int, ...] = SEEDS) -> Iterator[Season]:
    for seed in seeds:
        yield reach.eventful(seed, step_s)
        yield reach.eventful(seed + 100, step_s, has_gauge=False)
        for signal in reach.SIGNALS:
            yield reach.rainy(*signal, step_s, seed)


def in_sheds(step_s: int, seeds: tuple[int, ...] = SEEDS) -> Iterator[Season]:
    for seed in seeds:
        for fault in shed.FAULTS:
            yield shed.injected(fault, step_s, seed)
        for fault in box.FAULTS:
            yield box.injected(fault, step_s, seed)


def judged(seasons: Iterator[Season]) -> Verdict:
    verdict = Verdict()
    for season in seasons:
        verdict.add(judge(season))
    return verdict


def notices(verdict: Verdict) -> Mapping[str, Notice]:
    """By rule."""
    table: dict[str, Notice] = {}
    for rule, found in of_rules(verdict.found).items():
        times = [each.notice_s for each in found if each.notice_s is not None]
        half, most = (round(share(times, p)) for p in (0.5, 0.95)) if times else (None, None)
        table[rule] = (len(times), len(found), half, most)
    return table
