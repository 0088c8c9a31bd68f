import asyncio
from collections.abc import Mapping

import pytest

from collector.exposition import prometheus
from collector.health import WatchStatus
from collector.house import House
from collector.intake import Bindings, Intake
from collector.judged import Counts, Judged
from collector.link.port import Message
from collector.synthetic import MINUTE_LEAST_S, Step, Synthetic
from edge.clock import Clock
from edge.contract.reading import Reading
from edge.contract.senml import encode
from tests.collector.village import REGISTRY, SITE

NOW_MS = 1_790_000_000_000
TOPIC = f"shouwang/v1/{SITE}/server/health"
NONCE = "0123456789abcdef"
FAST = Clock(NOW_MS / 1000, NOW_MS / 1000, 100.0)  # a minute is MINUTE_LEAST_S


def own(nonce: str = NONCE, topic: str = TOPIC, retained: bool = False) -> Message:
    reading = Reading(
        place="", port="", metric="whole-way", value=0.4, at_ms=NOW_MS, run=nonce, seq=0
    )
    return Message(topic, encode([reading]), retained, 1)


def heard(*messages: Message, expected: tuple[str, str] | None = (SITE, NONCE)) -> Judged:
    intake = Intake(Bindings(REGISTRY), {})
    intake.expected = expected
    return intake.judge(messages, NOW_MS)


def test_our_own_reading_is_taken_and_stands_in_no_count_of_readings():
    judged = heard(own())
    assert judged.own is not None
    assert (judged.own.site, judged.own.device, judged.own.run) == (SITE, "server", "")
    assert (judged.own.metric, judged.own.value, judged.own.at_ms) == (
        ["whole-way"], [0.4], [NOW_MS]
    )  # fmt: skip
    assert not judged.own.is_news
    assert (judged.batches, judged.covers, judged.spoke, judged.letters) == ([], [], [], [])
    assert judged.counts == Counts(messages=1)


@pytest.mark.parametrize(
    "message",
    [
        own("guessed"),
        own("a" * len(NONCE)),
        own(topic="shouwang/v1/elsewhere/server/health"),
        Message(TOPIC, b"[]", False, 1),
        Message(TOPIC, b"\xff", False, 1),
    ],
)
def test_nobody_else_speaks_in_our_name(message):
    judged = heard(message)
    assert judged.own is None
    assert (judged.batches, judged.letters) == ([], [])
    assert judged.counts == Counts(messages=1, strays=1)


def test_a_nonce_holds_once_and_only_while_it_is_expected():
    judged = heard(own(), own())
    assert judged.own is not None
    assert judged.counts.strays == 1
    assert heard(own(), expected=None).own is None


def test_a_retained_one_is_old_news():
    judged = heard(own(retained=True))
    assert (judged.own, judged.counts) == (None, Counts(messages=1, stale=1))


class Course:
    """Three stages; those in ``stuck`` let nothing pass, those in ``broken`` raise."""

    def __init__(self) -> None:
        self.stuck: set[str] = set()
        self.broken: set[str] = set()
        self.noted = 0
        self.has_site = True

    def begin(self) -> Mapping[str, Step]:
        names = ("broker", "journal", "store") if self.has_site else ()
        return {name: lambda name=name: self._pass(name) for name in names}  # type: ignore[misc]

    def note(self) -> None:
        self.noted += 1

    async def _pass(self, name: str) -> None:
        if name in self.broken:
            raise KeyError(name)
        if name in self.stuck:
            await asyncio.Event().wait()


@pytest.fixture
def course() -> Course:
    return Course()


@pytest.fixture
def synthetic(course) -> Synthetic:
    made = Synthetic(course.begin, course.note, FAST)
    made.patience_s = 0.05
    return made


async def test_it_names_the_stage_at_which_a_reading_stands(course, synthetic):
    assert await synthetic.round()
    assert list(synthetic.seconds) == ["broker", "journal", "store"]
    course.stuck = {"journal"}
    assert not await synthetic.round()
    assert synthetic.why.startswith("the synthetic reading stands at 'journal'; none has come thr")
    assert list(synthetic.seconds) == ["broker"]
    assert (synthetic.passed, course.noted) == (1, 1)
    course.stuck = set()
    assert await synthetic.round()
    assert (synthetic.why, synthetic.passed) == ("", 2)


async def test_a_bug_at_a_stage_is_a_stage_that_stands(course, synthetic):
    course.broken = {"store"}
    with pytest.raises(KeyError):
        await synthetic.round()
    assert "stands at 'store'" in synthetic.why


async def test_without_a_site_there_is_nothing_to_send_and_nothing_wrong(course, synthetic):
    course.has_site = False
    assert not await synthetic.round()
    assert (synthetic.why, synthetic.passed) == ("", 0)


async def test_time_without_a_site_counts_for_nothing_and_forgets_nothing(course):
    synthetic = Synthetic(course.begin, course.note, Clock())
    synthetic.resume(150_000)
    course.has_site = False
    assert not await synthetic.round()
    assert minutes(synthetic) == [2.0]


async def test_who_waits_for_the_next_one_is_woken(synthetic):
    waiting = asyncio.create_task(synthetic.more_than(0))
    await asyncio.sleep(0)
    assert not waiting.done()
    await synthetic.round()
    await asyncio.wait_for(waiting, 5)


def minutes(synthetic: Synthetic) -> list[float | None]:
    house = House()
    house.use(REGISTRY)
    said = synthetic.figures(house, NOW_MS)
    return [value for _, batch in said for value in batch.value]


async def test_the_house_says_for_how_many_minutes_none_has_come_through(course):
    synthetic = Synthetic(course.begin, course.note, Clock())
    assert minutes(synthetic) == []  # what was said before the start holds on
    await synthetic.round()
    assert minutes(synthetic) == [0.0]


@pytest.mark.parametrize(("failed_s", "said"), [(30, 0.0), (90, 0.0), (150, 2.0), (330, 5.0)])
def test_a_restart_does_not_forget_for_how_long_it_failed(course, failed_s, said):
    synthetic = Synthetic(course.begin, course.note, Clock())
    synthetic.resume(failed_s * 1000)
    assert minutes(synthetic) == [said]


def test_a_clock_that_was_set_back_makes_nothing_late(course):
    synthetic = Synthetic(course.begin, course.note, Clock())
    synthetic.resume(-3_600_000)
    assert minutes(synthetic) == [0.0]


def test_on_a_fast_clock_a_minute_leaves_time_to_pass(course):
    assert Synthetic(course.begin, course.note, FAST).minute_s == MINUTE_LEAST_S
    assert Synthetic(course.begin, course.note, Clock()).minute_s == 60.0


def test_the_stages_are_figures_of_the_metrics_page():
    text = prometheus(WatchStatus(at_ms=0, started_ms=0, pid=1, synthetic={"store": 0.25}))
    assert 'shouwang_synthetic_stage_seconds{stage="store"} 0.25\n' in text
