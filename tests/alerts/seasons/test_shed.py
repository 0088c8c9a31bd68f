"""In a shed: no normal charge rings, each fault is found, at any sampling."""

import pytest

from tests.alerts.seasons import box, shed
from tests.alerts.seasons.season import judge

# What a reading each five minutes cannot always show: it is over, or its turns lie, between two.
BLIND = {("short appliance", 300), ("flickers", 300)}


@pytest.mark.parametrize("step_s", [10, 60, 300])
@pytest.mark.parametrize("before_h", [0, 2, 4])
def test_no_recorded_charge_rings(step_s: int, before_h: int) -> None:
    assert judge(shed.night(step_s, seed=7, before_s=before_h * 3600)).false == []


@pytest.mark.parametrize("step_s", [60, 300])
@pytest.mark.parametrize("seed", [31, 32])
def test_a_quiet_shed_rings_nothing(seed: int, step_s: int) -> None:
    assert judge(box.quiet(seed, step_s, days=10 if step_s == 60 else 30)).false == []


@pytest.mark.parametrize("step_s", [10, 60, 300])
@pytest.mark.parametrize("fault", shed.FAULTS)
def test_a_fault_put_into_a_recorded_charge_is_found(fault: str, step_s: int) -> None:
    verdict = judge(shed.injected(fault, step_s, seed=9))
    assert verdict.false == []
    assert len(verdict.found) >= 4
    if (fault, step_s) not in BLIND:
        assert verdict.missed == []


@pytest.mark.parametrize("step_s", [10, 60, 300])
@pytest.mark.parametrize("fault", box.FAULTS)
def test_a_fault_of_the_shed_is_found(fault: str, step_s: int) -> None:
    verdict = judge(box.injected(fault, step_s, seed=9))
    assert (verdict.missed, verdict.false) == ([], [])
