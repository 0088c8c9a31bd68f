"""Charging sessions have their phases, and each fault of a socket its mark."""

from collections import Counter
from dataclasses import replace
from itertools import pairwise
from statistics import mean, pstdev

import pytest

from edge.sensors.simulation.charging import CHARGING, FLOAT, IDLE, TAPER, Pack, session
from edge.sensors.simulation.curves import ZONE_S
from edge.sensors.simulation.injection import Injection
from tests.edge.sensors.simulation.saying import DAY_S, HOUR_S, MIDNIGHT_MS, values

DAY = (MIDNIGHT_MS // 1000 + ZONE_S) // DAY_S
SEED = "1/p/p01"
ITS = session(SEED, DAY, Pack.LEAD)
BEGIN_S = MIDNIGHT_MS / 1000
STARTS_S, CV_S, ENDS_S = (
    at - BEGIN_S for at in (ITS.start_s, ITS.start_s + ITS.cc_s, ITS.until_s)
)  # after the midnight from which on they are simulated


def said(metric: str, *faults: Injection, pack: Pack = Pack.LEAD, **more) -> list:
    return values(
        metric, 36 * HOUR_S, port="p01", charging=pack, begin_ms=MIDNIGHT_MS, injections=faults,
        **more,
    )  # fmt: skip


def during(shape: str, at_s: float, for_s: float, **more) -> Injection:
    return Injection(shape=shape, at_s=at_s, for_s=for_s, **more)


def part(series: list, from_s: float, to_s: float) -> list:
    return series[int(from_s // 60) + 1 : int(to_s // 60)]


def test_people_plug_in_in_the_evening_and_never_over_one_another() -> None:
    days = [session(SEED, day, Pack.LEAD) for day in range(DAY, DAY + 400)]
    hours = Counter(int((each.start_s + ZONE_S) % DAY_S // HOUR_S) for each in days)
    assert sum(hours[h] for h in range(18, 24)) > 250
    assert all(one.until_s < other.start_s for one, other in pairwise(days))
    assert all(100 < each.full_w < 450 for each in days)
    assert 1 < mean(each.cc_s / HOUR_S for each in days) < 4


def test_lead_takes_its_full_power_tapers_and_floats_until_it_is_unplugged() -> None:
    power, state = said("power"), said("port-state")
    assert set(part(power, STARTS_S - 3600, STARTS_S)) == {0}
    full = part(power, STARTS_S + 60, CV_S)
    assert mean(full) == pytest.approx(ITS.full_w, rel=0.01)
    assert 0.005 < pstdev(full) / mean(full) < 0.02
    taper = part(power, CV_S, CV_S + ITS.tau_s)
    assert taper[-1] == pytest.approx(ITS.full_w / 2.718, rel=0.06)
    rest = part(power, CV_S + 1.7 * ITS.tau_s, ENDS_S)
    assert 3 <= mean(rest) <= 12
    assert set(part(power, ENDS_S, ENDS_S + 3600)) == {0}
    assert set(part(state, STARTS_S, CV_S)) == {CHARGING}
    assert set(part(state, CV_S + 1.7 * ITS.tau_s, ENDS_S)) == {FLOAT}
    assert state[0] == IDLE or power[0] > 0


def test_lithium_ends_with_next_to_nothing() -> None:
    its = session(SEED, DAY, Pack.LITHIUM)
    rest_s = its.start_s + its.cc_s + 1.7 * its.tau_s - BEGIN_S
    rest = part(said("power", pack=Pack.LITHIUM), rest_s, its.until_s - BEGIN_S)
    assert max(rest) <= 2


def test_a_charger_surges_for_less_than_a_second() -> None:
    quick = values(
        "power", ENDS_S, interval_s=0.5, port="p01", charging=Pack.LEAD,
        begin_ms=MIDNIGHT_MS + int((STARTS_S - 2) * 1000), count=20,
    )[:20]  # fmt: skip
    surge = [value for value in quick if value > 1.3 * ITS.full_w]
    assert 1 <= len(surge) <= 2
    assert max(surge) <= 3.1 * ITS.full_w


def test_a_charger_that_never_tapers_goes_on_at_full_power() -> None:
    power = said("power", during("no-taper", 0, 36 * HOUR_S))
    assert mean(part(power, CV_S + 3600, ENDS_S)) == pytest.approx(ITS.full_w, rel=0.01)
    assert set(part(power, ENDS_S, ENDS_S + 3600)) == {0}


def test_a_pack_that_warms_itself_draws_more_in_its_last_phase() -> None:
    at_s = CV_S + 0.5 * ITS.tau_s
    power = said("power", during("cv-rise", at_s, 3600))
    first, later = part(power, at_s, at_s + 300), part(power, at_s + 1200, at_s + 1500)
    assert mean(later) / mean(first) == pytest.approx(1.08**2, rel=0.03)


def test_something_else_at_the_socket_is_a_step() -> None:
    power = said("power", during("more-load", STARTS_S + 1800, 1800, by=150))
    assert mean(part(power, STARTS_S + 1800, STARTS_S + 3600)) == pytest.approx(
        ITS.full_w + 150, rel=0.01
    )


def test_a_splitter_shows_two_sessions_at_one_socket() -> None:
    both = said("power", during("splitter", 0, 36 * HOUR_S))
    other = session(f"{SEED}/splitter", DAY, Pack.LEAD)
    for begin_s in (other.start_s, ITS.start_s):
        at_s = begin_s - BEGIN_S + 600
        there_w = ITS.power_w(begin_s + 600) + other.power_w(begin_s + 600)
        assert mean(part(both, at_s, at_s + 300)) == pytest.approx(there_w, rel=0.03)
    assert mean(both) > 1.5 * mean(said("power"))


def test_a_welded_relay_goes_on_feeding_though_it_says_off() -> None:
    fault = during("welded", STARTS_S, ENDS_S - STARTS_S)
    assert set(part(said("relay", fault), STARTS_S, ENDS_S)) == {0}
    assert set(part(said("port-state", fault), STARTS_S, ENDS_S)) == {IDLE}
    assert mean(part(said("power", fault), STARTS_S, CV_S)) > 100
    assert set(said("relay")) == {1}


def test_a_bad_contact_heats_the_socket_by_the_square_of_the_current_and_slowly() -> None:
    healthy = said("port-temp")
    bad = said("port-temp", during("bad-contact", 0, 36 * HOUR_S, times=20))
    warmer = [b - h for b, h in zip(bad, healthy, strict=True)]
    current = mean(part(said("current"), STARTS_S + 60, CV_S))
    assert mean(part(warmer, CV_S - 1200, CV_S)) == pytest.approx(19 * 0.25 * current**2, rel=0.1)
    assert part(warmer, STARTS_S, STARTS_S + 240)[0] < 0.3 * max(warmer)


def test_current_follows_power_by_voltage_and_power_factor() -> None:
    power, current = (mean(part(said(each), STARTS_S + 60, CV_S)) for each in ("power", "current"))
    assert current == pytest.approx(power / (228 * ITS.power_factor), rel=0.01)


def test_a_session_never_ends_below_where_its_taper_ends() -> None:
    its = replace(ITS, rest_w=0.0)
    taken = [its.power_w(its.start_s + s) for s in range(2, int(its.until_s - its.start_s), 60)]
    assert min(watts for watts in taken if watts) > TAPER * its.full_w
