import pytest

from alerts.registry.model import Registry
from alerts.replay import replay
from alerts.rules.inputs import Entry, Tick
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change
from collector.house import HEARTBEAT_MS, REST_MS, House
from collector.intake import Bindings
from edge.contract.metrics import METRICS
from edge.contract.reading import Batch
from edge.contract.topics import SERVER
from tests.alerts.rules import worlds
from tests.collector.village import DEVICE, REGISTRY, SITE

NAME = "journal-share"
T0 = worlds.T0


def house() -> House:
    made = House()
    made.use(REGISTRY)
    return made


def told(said: list[tuple[int, Batch]]) -> list[float | None]:
    return [value for _, batch in said for value in batch.value]


def test_a_figure_is_a_reading_of_the_house_and_no_news():
    ((at_ms, batch),) = house().said(NAME, 12.0, T0)
    assert (at_ms, batch.at_ms) == (T0, [T0])
    assert (batch.site, batch.device, batch.run, batch.is_news) == (SITE, SERVER, "", False)
    assert (batch.place, batch.metric, batch.value) == ([""], [NAME], [12.0])


def test_it_may_be_about_a_device():
    ((_, batch),) = house().said("refused-share", 2.0, T0, (SITE, DEVICE))
    assert (batch.site, batch.device) == (SITE, DEVICE)


@pytest.mark.parametrize(
    ("after_ms", "value", "is_told"),
    [
        (HEARTBEAT_MS - 1, 12.0, False),  # nothing new
        (HEARTBEAT_MS, 12.0, True),  # the heartbeat
        (REST_MS, 13.0, True),  # a change
        (REST_MS - 1, 13.0, False),  # a change too soon after the last
        (REST_MS, 12.4, False),  # less than the catalogue's decimals
        (-7_200_000, 12.0, True),  # the clock was set back
    ],
)
def test_a_figure_is_told_on_change_and_as_a_heartbeat(after_ms, value, is_told):
    made = house()
    made.said(NAME, 12.0, T0)
    assert bool(made.said(NAME, value, T0 + after_ms)) is is_told


def test_a_change_that_came_too_soon_is_told_later():
    made = house()
    made.said(NAME, 0.0, T0)
    assert told(made.said(NAME, 90.0, T0 + 5_000)) == []
    assert told(made.said(NAME, 90.0, T0 + REST_MS)) == [90.0]


def test_without_a_site_there_is_nobody_to_tell():
    made = House()
    made.use(Registry())
    assert made.said(NAME, 1.0, T0) == []
    made.use(REGISTRY)
    assert told(made.said(NAME, 1.0, T0)) == [1.0]


def test_no_device_may_say_what_the_house_says():
    own = {name for name, metric in METRICS.items() if metric.by_house}
    assert NAME in own
    allows = Bindings(REGISTRY).allows(SITE, DEVICE)
    assert allows(("", "", "uptime"))
    assert not any(allows(("", "", metric)) for metric in own)


PACK = worlds.PACK.replace('"do"', f'"{NAME}"').replace('["reach"]', '["cell"]', 1)


def test_a_rule_judges_the_house_as_one_subject():
    rules = read_packs({"p.toml": PACK}).rules
    assert rules["do-low"].places == ("cell",)
    made = House()
    made.use(worlds.registry())
    said: list[tuple[int, Batch | Tick]] = []
    for at_ms in range(T0, T0 + 1_200_000, 5_000):
        value = 1.0 if at_ms < T0 + 600_000 else 50.0
        said += made.said(NAME, value, at_ms)
        said.append((at_ms, Tick()))
    entries: list[Entry] = worlds.journal(worlds.registry(), {"p.toml": PACK}, said)
    raised, cleared = [each for each in replay(entries) if each.rule == "do-low"]
    assert str(raised.subject) == f"cell:{worlds.SITE}/{SERVER}"
    assert (raised.change, raised.place, raised.value) == (Change.RAISED, "", 1.0)
    assert raised.at_ms == T0 + 120_000  # held for two minutes, by the ticks between two heartbeats
    assert (cleared.change, cleared.at_ms) == (Change.CLEARED, T0 + 780_000)
