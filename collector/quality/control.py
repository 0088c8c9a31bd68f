"""The quality of a batch, judged in place as it comes: columns in, marks and amendments out. Pure.

Without a clock: the readings' own times are all it knows. It is asked once for each batch, in the
order of arrival, and what it says is journalled; whoever reads the journal never judges again.
"""

from collections.abc import Sequence

from alerts.registry.model import Registry
from alerts.rules.inputs import Amendment
from collector.moments import AHEAD_MS
from collector.quality import moves, neighbour, rest, value
from collector.quality.limits import HOUR_MS, NEVER
from collector.quality.rain import Rain
from collector.quality.roster import Roster
from collector.quality.series import LEAST, Series
from edge.contract.quality import Check, Quality
from edge.contract.reading import Batch

_GOOD, _SUSPECT = int(Quality.GOOD), int(Quality.SUSPECT)
_UNKNOWN = int(Quality.NOT_EVALUATED)
_FAIL, _MISSING = int(Quality.FAIL), int(Quality.MISSING)
_NONE: tuple[Amendment, ...] = ()


class QualityControl:
    """Remembers each series that it has seen; all else comes with the batch."""

    def __init__(self) -> None:
        self._roster = Roster()
        self._rain: dict[tuple[str, str], dict[tuple[str, str], Rain]] = {}
        """By site and place, then by device and port."""

    def use(self, registry: Registry) -> None:
        """From now on these intervals, neighbours and changed numbers hold; what rests rests on."""
        self._roster.use(registry)
        here = {(place.site, place.id) for place in registry.places}
        self._rain = {key: gauges for key, gauges in self._rain.items() if key in here}

    def judge(self, batch: Batch) -> Sequence[Amendment]:
        """Set the batch's qualities, marks and reasons; what this says of earlier readings.

        MISSING and FAIL from the device stand; SUSPECT from the device stays at least that.
        """
        row, values, told = self._roster.row(batch), batch.value, batch.quality
        if told.count(_UNKNOWN) == len(told):
            batch.quality = [_GOOD] * len(told)
        else:
            batch.quality = [_GOOD if flag < _SUSPECT else flag for flag in told]
            # What the device doubts itself goes the long way.
            values = [
                None if flag >= _SUSPECT else number
                for number, flag in zip(values, told, strict=True)
            ]
        amendments = _NONE
        for i, (series, number, at_ms) in enumerate(zip(row, values, batch.at_ms, strict=True)):
            # A value that no test can mark is settled here, and to the same end as by `_look`.
            limits = series.limits
            if number is not None and limits.low <= number <= limits.high:
                if limits.is_plain:
                    continue
                last_ms, last, trigger = series.at_ms, series.value, limits.trigger
                step = number - last
                if (
                    last_ms < at_ms < series.due_ms
                    and -trigger <= step <= trigger
                    and at_ms - last_ms <= limits.gap_ms
                ):
                    if series.run_low <= number <= series.run_high:
                        series.run_count += 1
                    elif (
                        step > limits.tolerance or step < -limits.tolerance
                    ) and series.calm_low <= number <= series.calm_high:
                        series.run_low = series.run_high = number
                        series.run_since_ms = at_ms
                        series.run_count = 1
                    else:
                        series.move(number, at_ms)
                    series.before = last
                    series.value = number
                    series.at_ms = at_ms
                    continue
            amendments += self._look(batch, row, i)
        return amendments

    def recall(self, batch: Batch, arrived_ms: int) -> None:
        """Take in what was judged before this start. Nothing is judged again."""
        for i, (series, number, at_ms, quality) in enumerate(
            zip(self._roster.row(batch), batch.value, batch.at_ms, batch.quality, strict=True)
        ):
            marks = batch.marks.get(i, 0)
            stuck = marks & (Check.FLAT.suspect | Check.FLAT.fail)
            if at_ms > arrived_ms + AHEAD_MS:
                continue  # of a house clock that has been set since
            if number is None or (quality == _FAIL and not stuck):
                series.broke(max(at_ms, series.at_ms))
            elif series.limits.is_rain:
                self._rained(batch, i, series, number, at_ms)
            elif at_ms > series.at_ms and not series.limits.is_plain:
                self._follow(series, number, at_ms)
                if stuck:
                    limits = series.limits
                    held_ms = limits.flat_fail_ms if stuck & Check.FLAT.fail else limits.flat_ms
                    if held_ms < NEVER:
                        series.run_since_ms = min(series.run_since_ms, at_ms - int(held_ms))
                        series.run_count, series.flat, series.due_ms = LEAST, stuck, 0

    # One reading that some test may mark.

    def _look(self, batch: Batch, row: Sequence[Series], i: int) -> tuple[Amendment, ...]:
        series, number, at_ms, told = row[i], batch.value[i], batch.at_ms[i], batch.quality[i]
        is_late = at_ms <= series.at_ms
        if number is None or told == _MISSING:
            if not is_late:
                series.broke(at_ms)
            return _NONE
        marks, amendments = batch.marks.get(i, 0), _NONE
        if told == _FAIL:
            marks |= Check.SENSOR.fail
        else:
            if told == _SUSPECT and not marks:
                marks = Check.SENSOR.suspect
            marks |= value.marks_of(series.limits, number)
        if marks & value.WITHHELD_BY:
            if not is_late:
                series.broke(at_ms)
        elif series.limits.is_rain:
            marks |= self._rained(batch, i, series, number, at_ms)
        elif not (is_late or series.limits.is_plain):
            found, amendments = self._in_order(batch, row, i)
            marks |= found
        if not marks:
            return amendments
        batch.marks[i] = marks
        if not marks & value.WITHHELD_BY:
            batch.quality[i] = _SUSPECT
        elif told != _FAIL:
            batch.quality[i] = _FAIL
            batch.reasons.setdefault(i, value.why(series.limits, number, marks))
        return amendments

    def _in_order(
        self, batch: Batch, row: Sequence[Series], i: int
    ) -> tuple[int, tuple[Amendment, ...]]:
        """The marks of a value that is newer than all of its series, by those before it."""
        series, number, at_ms = row[i], batch.value[i], batch.at_ms[i]
        assert number is not None
        limits, last_ms, elapsed_ms = series.limits, series.at_ms, at_ms - series.at_ms
        marks, amendments = 0, _NONE
        if last_ms and elapsed_ms > limits.gap_ms:
            marks = Check.GAP.suspect
        elif abs(number - series.value) > limits.trigger:
            marks = moves.rate(limits, number - series.value, elapsed_ms)
            spiked = moves.spike(limits, series.before, series.value, number)
            if spiked and not self._rains(batch.site, batch.place[i], series):
                amendments = _amend_last(batch, row, i, spiked)
        self._follow(series, number, at_ms)
        stuck = rest.flat(limits, series, at_ms)
        if stuck > series.flat:
            quality = _FAIL if stuck & value.WITHHELD_BY else _SUSPECT
            since_ms = series.run_since_ms
            amendments += (_amendment(batch, i, since_ms, last_ms, quality, stuck),)
        series.flat = stuck
        marks |= stuck | rest.attenuated(limits, series, at_ms)
        if limits.bounds.neighbour:
            there = self._roster.beside(batch.site, batch.place[i], limits.metric)
            marks |= neighbour.apart(limits, number, at_ms, there)
        return marks, amendments

    def _follow(self, series: Series, number: float, at_ms: int) -> None:
        """The value is the newest of its series now."""
        if at_ms - series.at_ms > series.limits.gap_ms:
            series.broke(at_ms)
            series.rest_anew()
        series.move(number, at_ms)
        series.before, series.value, series.at_ms = series.value, number, at_ms
        series.due_ms = min(series.run_since_ms + series.limits.flat_ms, series.calm_due_ms)

    def _rained(self, batch: Batch, i: int, series: Series, mm: float, at_ms: int) -> int:
        """Take the rain in; the marks of a gauge by its neighbours."""
        gauges = self._rain.setdefault((batch.site, batch.place[i]), {})
        key = batch.device, batch.port[i]
        gauge = gauges.get(key)
        if gauge is None:
            gauge = gauges[key] = Rain()
        if mm:
            gauge.add(mm, at_ms)
        beside = self._roster.neighbours(batch.site, batch.place[i])
        if at_ms <= series.at_ms or not beside:
            return 0
        if at_ms - series.at_ms > series.limits.gap_ms:
            series.run_since_ms = at_ms
        series.at_ms = at_ms
        if at_ms - series.run_since_ms < HOUR_MS or not series.limits.bounds.neighbour:
            return 0
        there = [tuple(self._rain.get((batch.site, place), {}).values()) for place in beside]
        return neighbour.silent(series.limits, gauges.values(), there, at_ms)

    def _rains(self, site: str, here: str, series: Series) -> bool:
        """Whether rain explains a spike of this series at its newest value."""
        most = series.limits.bounds.rain_mm
        return most > 0 and any(
            gauge.hour_mm(series.at_ms) > most
            for place in (here, *self._roster.neighbours(site, here))
            for gauge in self._rain.get((site, place), {}).values()
        )


def _amend_last(batch: Batch, row: Sequence[Series], i: int, marks: int) -> tuple[Amendment, ...]:
    """A verdict on the reading before this one of its series: in the batch itself if it is there."""
    series = row[i]
    for n in range(i - 1, -1, -1):
        if row[n] is series and batch.at_ms[n] == series.at_ms:
            batch.marks[n] = batch.marks.get(n, 0) | marks
            batch.quality[n] = max(batch.quality[n], _SUSPECT)
            return _NONE
    return (_amendment(batch, i, series.at_ms, series.at_ms, _SUSPECT, marks),)


def _amendment(
    batch: Batch, i: int, since_ms: int, until_ms: int, quality: int, marks: int
) -> Amendment:
    return Amendment(
        site=batch.site,
        device=batch.device,
        place=batch.place[i],
        port=batch.port[i],
        metric=batch.metric[i],
        since_ms=since_ms,
        until_ms=until_ms,
        quality=quality,
        marks=marks,
    )
