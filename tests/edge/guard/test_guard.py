"""The guard with its outputs: what it orders, what is proved, and who may undo it."""

import json
import threading
from collections.abc import Callable

import pytest

from edge.contract.compare import Limit
from edge.guard.guard import Guard
from edge.guard.rule import Kind, Rule
from edge.guard.telling import Change, Turn
from edge.outputs.plan import OutputPlan, Proof, Switch, Wiring
from edge.sensors.port import Sample, Series

SMOKE = Series("shed-1", "", "smoke")
VOLTAGE = Series("shed-1", "feeder", "voltage")
HOUSE_MS = 1_790_000_000_000


def never() -> Switch:
    raise AssertionError("the outputs here are not opened")


class Output:
    """An output that writes down what it is told."""

    def __init__(self, name: str, wiring: Wiring, proof: Proof | None = None) -> None:
        port = "" if wiring is Wiring.BUZZER else "feeder"
        self.plan = OutputPlan(
            name=name, wiring=wiring, open=never, place="shed-1", port=port, proof=proof
        )
        self.told: list[str] = []
        self.fault = ""

    def cut(self) -> None:
        self.told.append("cut")

    def hold(self) -> None:
        self.told.append("hold")

    def sound(self, is_on: bool, by: str = "guard") -> None:
        self.told.append("sound" if is_on else "quiet")


class Shed:
    """A shed's guard: smoke and heat cut the feeder, whose voltage proves it."""

    def __init__(
        self, wiring: Wiring = Wiring.TRIP, *, has_proof: bool = True, mark: str = ""
    ) -> None:
        proof = Proof(series=VOLTAGE, above=50, hold_ms=180_000) if has_proof else None
        self.main = Output("main", wiring, proof)
        self.horn = Output("horn", Wiring.BUZZER)
        self.s = 0.0
        self.set_back_s = 0
        self.setting = 0
        self.samples: list[Sample] = []
        self.changes: list[Change] = []
        outputs = ("main",)
        rules = (
            Rule(name="smoke", kind=Kind.CONTACT, series=SMOKE, limit=Limit(above=0.5),
                 hold_ms=180_000, off=outputs, sound=("horn",)),
            Rule(name="hot", kind=Kind.LIMIT, series=Series("shed-1", "", "shed-temp"),
                 limit=Limit(above=70, for_ms=10_000), hold_ms=180_000, off=outputs),
        )  # fmt: skip
        self.guard = Guard(
            rules, (self.main, self.horn), mark, steady_ms=lambda: round(self.s * 1000),
            look_up=lambda: (self.setting, self.now_ms()), tell=self._tell,
        )  # fmt: skip

    def now_ms(self) -> int:
        return HOUSE_MS + round((self.s - self.set_back_s) * 1000)

    def _tell(self, samples: tuple[Sample, ...], changes: tuple[Change, ...], setting: int) -> None:
        self.samples += samples
        self.changes += changes

    def at(self, s: float, **values: float | None) -> "Shed":
        """At this second of the steady clock these values are measured."""
        self.s = s
        for name, value in values.items():
            metric = name.replace("_", "-")
            series = VOLTAGE if metric == "voltage" else Series("shed-1", "", metric)
            self.guard.observe((Sample(*series, value, self.now_ms()),))
        self.guard.look()
        return self

    def newest(self, metric: str) -> tuple[float | None, str]:
        sample = [each for each in self.samples if each.metric == metric][-1]
        return sample.value, sample.reason

    @property
    def turns(self) -> list[tuple[str, str]]:
        return [(each.name, each.turn.value) for each in self.changes]


def calm(shed: Shed, s: float = 0) -> Shed:
    return shed.at(s, smoke=0, shed_temp=20, voltage=230)


def test_smoke_cuts_and_sounds_and_is_told_at_once() -> None:
    shed = calm(Shed())
    assert shed.main.told == shed.horn.told == []
    shed.at(1, smoke=1)
    assert (shed.main.told, shed.horn.told) == (["cut"], ["sound"])
    assert shed.newest("guard") == (1.0, "smoke")
    assert shed.newest("cut") == (1.0, "")
    assert shed.turns == [("smoke", "raised")]
    shed.at(2, voltage=0)
    assert shed.newest("relay") == (0.0, "")
    assert shed.turns[-1] == ("main", "off")


def test_a_power_that_stays_on_is_told_and_tried_again() -> None:
    shed = calm(Shed()).at(1, smoke=1, voltage=230).at(2, voltage=230)
    assert ("main", "failed") not in shed.turns
    shed.at(4.1, voltage=230)
    assert shed.turns[-1] == ("main", "failed")
    assert shed.newest("cut") == (1.0, "still on")
    shed.at(11, voltage=230)
    shed.at(21.1, voltage=230)
    assert shed.main.told == ["cut", "cut", "cut"]
    assert shed.turns.count(("main", "failed")) == 1
    shed.at(22, voltage=0)
    assert shed.turns[-1] == ("main", "off")
    assert shed.newest("cut") == (1.0, "")


def test_an_output_that_does_not_obey_is_told_before_and_after_it_is_needed() -> None:
    shed = calm(Shed(has_proof=False))
    shed.main.fault = "no answer within 1 s"
    shed.at(1)
    assert shed.newest("cut") == (0.0, "does not obey: no answer within 1 s")
    shed.at(2, smoke=1).at(6)
    assert shed.turns[-1] == ("main", "failed")
    shed.main.fault = ""
    shed.at(7)
    assert shed.newest("cut") == (1.0, "")


def test_a_pulse_that_may_be_lost_is_repeated_while_it_burns() -> None:
    shed = calm(Shed(has_proof=False)).at(1, smoke=1)
    for s in range(2, 125):
        shed.at(s)
    assert shed.main.told == ["cut"] * 3


def test_it_stays_off_when_the_smoke_is_gone_until_the_lever_proves_a_person() -> None:
    shed = calm(Shed()).at(1, smoke=1).at(2, voltage=0).at(100, smoke=0, shed_temp=20, voltage=0)
    assert shed.newest("guard") == (1.0, "smoke latched")
    assert shed.horn.told == ["sound"]
    shed.at(200, smoke=0, voltage=230)
    assert shed.main.told == ["cut"]
    assert shed.newest("guard") == (0.0, "")
    assert shed.newest("cut") == (0.0, "")
    assert shed.turns[-2:] == [("main", "back"), ("smoke", "reset")]
    assert shed.horn.told == ["sound", "quiet"]


def test_a_lever_thrown_into_the_smoke_trips_again_at_once() -> None:
    shed = calm(Shed()).at(1, smoke=1).at(2, voltage=0).at(60, smoke=1, voltage=230)
    assert shed.main.told == ["cut", "cut"]
    assert shed.newest("cut") == (1.0, "")


def test_a_new_danger_acts_again_though_the_latch_is_still_on() -> None:
    shed = calm(Shed(has_proof=False)).at(1, smoke=1).at(5, smoke=0).at(9, smoke=1)
    assert shed.main.told == ["cut", "cut"]


@pytest.mark.parametrize(
    ("sentence", "before", "reason"),
    [
        ("while it alarms", {"smoke": 1}, "its input is still alarming"),
        ("while the sensor is silent", {}, "stale"),
        ("when all is well", {"smoke": 0}, ""),
    ],
)
def test_reset_by_command(sentence, before, reason) -> None:
    shed = calm(Shed()).at(1, smoke=1).at(2, voltage=0).at(3, smoke=0)
    shed.at(300, voltage=0, **before)
    told = shed.guard.reset("smoke")
    assert (told == "") is (reason == ""), sentence
    assert reason in told
    assert set(shed.main.told) == {"cut"}
    assert shed.newest("guard")[0] == (1.0 if reason else 0.0)
    assert shed.newest("cut")[0] == 1.0, "a reset switches nothing on"


def test_what_is_held_begins_off_and_is_closed_by_a_long_press_alone() -> None:
    shed = Shed(Wiring.HOLD, has_proof=False)
    assert "stale" in " ".join(shed.guard.by_hand())
    assert shed.main.told == []
    calm(shed)
    assert shed.newest("cut") == (1.0, "")
    assert shed.guard.by_hand() == []
    assert shed.main.told == ["hold"]
    shed.at(5, smoke=1)
    assert shed.main.told == ["hold", "cut"]
    assert shed.guard.by_hand() == ["guard smoke: its input is still alarming"]
    shed.at(6, smoke=0)
    assert shed.guard.reset("smoke") == ""
    assert shed.main.told == ["hold", "cut"]
    assert shed.guard.by_hand() == []
    assert shed.main.told == ["hold", "cut", "hold"]


def test_off_by_command_stays_until_a_person_is_there() -> None:
    shed = calm(Shed())
    assert shed.guard.off("main") == "ordered; its proof follows"
    assert shed.main.told == ["cut"]
    calm(shed.at(2, voltage=0), 100)
    assert shed.turns[-1] == ("main", "back")
    with pytest.raises(KeyError):
        shed.guard.off("other")
    shed.guard.off("horn")
    assert shed.horn.told == ["quiet"]


def test_latches_outlive_a_restart_and_nothing_is_pulsed_by_it() -> None:
    shed = calm(Shed()).at(1, smoke=1).at(2, voltage=0)
    assert json.loads(shed.guard.mark) == {"latched": ["smoke"], "cut": ["main"]}
    again = Shed(mark=shed.guard.mark).at(0.5, smoke=0, shed_temp=20, voltage=0)
    assert again.newest("guard") == (1.0, "smoke latched")
    assert again.newest("cut") == (1.0, "")
    assert again.main.told == []
    burning = Shed(mark=shed.guard.mark).at(0.5, smoke=1)
    assert burning.main.told == ["cut"]


@pytest.mark.parametrize(
    "mark", ["", "x", "[]", "{}", '{"latched": 3}', '{"latched": [[]]}', "[" * 9999]
)
def test_a_mark_that_is_not_ours_latches_nothing(mark) -> None:
    assert calm(Shed(mark=mark)).newest("guard") == (0.0, "")


def test_a_wall_clock_that_is_set_does_not_deafen_it() -> None:
    shed = calm(Shed())
    shed.set_back_s = 7200
    shed.at(1, smoke=1)
    assert shed.main.told == ["cut"]
    shed = calm(Shed())
    shed.set_back_s = -50 * 365 * 86_400
    shed.at(1, shed_temp=90).at(11, shed_temp=90)
    assert shed.main.told == ["cut"]


def test_a_clock_set_between_a_sample_and_now_makes_it_no_history() -> None:
    shed = calm(Shed())
    sample = Sample(*SMOKE, 1.0, shed.now_ms())
    shed.setting, shed.set_back_s = 1, -50 * 365 * 86_400
    shed.guard.observe((sample,))
    assert shed.main.told == ["cut"]


def test_history_measured_anew_trips_nothing() -> None:
    shed = calm(Shed())
    shed.guard.observe((Sample(*SMOKE, 1.0, shed.now_ms() - 3_600_000),))
    assert shed.main.told == []


def test_what_stands_is_told_again_each_minute_and_not_in_between() -> None:
    shed = calm(Shed())
    before = len(shed.samples)
    shed.at(30, smoke=0)
    assert len(shed.samples) == before
    shed.at(61, smoke=0)
    assert {each.metric for each in shed.samples[before:]} == {"guard", "cut", "relay"}


def test_a_proof_that_falls_silent_proves_nothing() -> None:
    shed = calm(Shed(), 0).at(1, smoke=1).at(2, voltage=0)
    assert shed.main.told == ["cut"]
    shed.at(190, smoke=1)
    assert shed.newest("relay") == (None, "its proof is silent")
    assert shed.main.told == ["cut", "cut"], "a pulse more: nobody knows"


def test_a_hand_and_a_danger_at_one_moment_end_off() -> None:
    for _ in range(200):
        shed = calm(Shed(Wiring.HOLD, has_proof=False))
        shed.s = 1
        smoke = threading.Thread(
            target=shed.guard.observe, args=((Sample(*SMOKE, 1.0, shed.now_ms()),),)
        )
        hand = threading.Thread(target=shed.guard.by_hand)
        acts: list[Callable[[], None]] = [smoke.start, hand.start]
        for act in acts:
            act()
        smoke.join()
        hand.join()
        assert shed.main.told[-1] == "cut"


def test_a_turn_names_how_long_it_took() -> None:
    shed = calm(Shed()).at(1, smoke=1)
    (raised,) = [each for each in shed.changes if each.turn is Turn.RAISED]
    assert "off main" in raised.what
    assert "ms after its sample" in raised.what
