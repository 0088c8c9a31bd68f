"""What becomes of a foreign message: mapping, units, times, and what is refused."""

import orjson
import pytest

from alerts.registry.model import Binding, Device, Format, Names
from collector.decoders.foreign import EARLIEST_MS, Bound, Mapping, Newest, bind
from collector.decoders.port import Record, Told
from edge.contract.quality import Quality

NOW_MS = 1_790_000_000_000
MINUTE_MS = 60_000
DEVICE = Device(
    id="plug",
    site="linjiang",
    names=Names(zh="插座"),
    format=Format.TASMOTA,
    address="plug",
    ignore=("ENERGY.Today", "Wifi.*"),
    bindings=(
        Binding(place="shed", port="1", component="switch:0", metrics=("power", "energy", "relay")),
        Binding(
            place="shed",
            port="2",
            component="switch:1",
            metrics=("power", "port-temp"),
            mapping={"temperature.tC": "port-temp", "watts": "power"},
            units={"watts": "kW"},
        ),
        Binding(place="shed", metrics=("shed-temp", "voltage"), mapping={"Probe.T": "shed-temp"}),
    ),
)


def heard(*records: Record, newest: Newest | None = None, **more) -> Bound:
    told = Told(records=records, **more)
    return bind(told, Mapping(DEVICE), {} if newest is None else newest, "tele/plug/X", NOW_MS)


def rows(bound: Bound) -> list[tuple]:
    batch = bound.batch
    return list(zip(batch.place, batch.port, batch.metric, batch.value, strict=True))


@pytest.mark.parametrize(
    ("record", "row"),
    [
        (Record("switch:0.apower", 40.0, "power", "W"), ("shed", "1", "power", 40.0)),
        (Record("switch:0.aenergy.total", 1.5, "energy", "kWh"), ("shed", "1", "energy", 1500.0)),
        (Record("switch:0", 1.0, "relay"), ("shed", "1", "relay", 1.0)),
        (Record("switch:1.temperature.tC", 31.0, "", "°C"), ("shed", "2", "port-temp", 31.0)),
        (Record("switch:1.watts", 0.2, "", "W"), ("shed", "2", "power", 200.0)),
        (Record("Probe.T", 68.0, "", "°F"), ("shed", "", "shed-temp", 20.0)),
        (Record("volts", 230.0, "voltage"), ("shed", "", "voltage", 230.0)),
        (Record("Wifi2.Signal", -60.0, "signal", "dBm"), ("", "", "signal", -60.0)),
    ],
)
def test_a_name_leads_to_its_place_port_and_metric(record, row):
    bound = heard(record)
    assert rows(bound) == [row]
    assert bound.rejected == ()


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        (Record("Salt", 3.0), "Salt is not mapped for device plug"),
        (Record("switch:10.apower", 3.0, "power"), "switch:10.apower is not mapped for device plug"),
        (Record("switch:1.apower", 3.0, "power"), "switch:1.apower is not mapped for device plug"),
        (Record("volts", 3.0, "voltage", "A"), "volts: voltage is not measured in 'A'; known: V, mV, kV"),
        (Record("\x1b[2J", 3.0), "'\\x1b[2J' is not mapped for device plug"),
        (Record("\ud800", 3.0), "? is not mapped for device plug"),
    ],
)  # fmt: skip
def test_what_leads_nowhere_is_a_dead_letter_with_its_reason(record, reason):
    bound = heard(record)
    assert rows(bound) == []
    assert [one.reason for one in bound.rejected] == [reason]
    assert orjson.loads(bound.rejected[0].raw)["value"] == 3.0


@pytest.mark.parametrize(
    "record",
    [
        Record("ENERGY.Today", 1.0),
        Record("Wifi.RSSI", 80.0),
        Record("Heap", 25.0, spare=True),
    ],
)
def test_what_nobody_wants_is_left_out_and_counted(record):
    bound = heard(record)
    assert (rows(bound), bound.rejected, bound.ignored) == ([], (), 1)


def test_two_names_for_one_series_are_not_mixed():
    bound = heard(Record("U1", 230.0, "voltage"), Record("U2", 229.0, "voltage"))
    assert [row[3] for row in rows(bound)] == [230.0]
    assert bound.rejected[0].reason == "U1 and U2 both mean shed voltage; map them apart"


def test_what_the_decoder_refused_is_refused_still():
    bound = heard(refused=(("x is no number", b"x"),), online=True)
    assert [(one.topic, one.reason, one.raw) for one in bound.rejected] == [
        ("tele/plug/X", "x is no number", b"x")
    ]
    assert bound.online is True


VOLT = "volts", "voltage"


def volts(*values: tuple[int | None, float | None], quality=Quality.NOT_EVALUATED):
    return [Record("volts", value, "voltage", "", at, quality) for at, value in values]


@pytest.mark.parametrize(
    ("why", "given", "wanted", "quality"),
    [
        ("one reading without a time arrives now", [None], [NOW_MS], Quality.NOT_EVALUATED),
        ("a true time stands", [NOW_MS - 5000], [NOW_MS - 5000], Quality.NOT_EVALUATED),
        (
            "a clock may be a little ahead",
            [NOW_MS + 2 * MINUTE_MS],
            [NOW_MS + 2 * MINUTE_MS],
            Quality.NOT_EVALUATED,
        ),
        (
            "a pack from the future ends now, its spacing kept",
            [NOW_MS + 10 * MINUTE_MS, NOW_MS + 8 * MINUTE_MS],
            [NOW_MS - 2 * MINUTE_MS, NOW_MS],
            Quality.SUSPECT,
        ),
        (
            "a pack of 1970 ends now",
            [2000, 0, 61_000],
            [NOW_MS - 61_000, NOW_MS - 59_000, NOW_MS],
            Quality.SUSPECT,
        ),
        (
            "a pack of the year 2000 ends now",
            [946_684_800_000],
            [NOW_MS],
            Quality.SUSPECT,
        ),
        (
            "values in one millisecond are told apart",
            [NOW_MS - 9, NOW_MS - 9, NOW_MS - 9, NOW_MS - 8],
            [NOW_MS - 9, NOW_MS - 8, NOW_MS - 7, NOW_MS - 6],
            Quality.NOT_EVALUATED,
        ),
        (
            "the earliest true time stands",
            [EARLIEST_MS],
            [EARLIEST_MS],
            Quality.NOT_EVALUATED,
        ),
    ],
)
def test_times(why, given, wanted, quality):
    bound = heard(*volts(*((at, float(n)) for n, at in enumerate(given))))
    assert bound.batch.at_ms == wanted, why
    assert bound.batch.quality == [int(quality)] * len(wanted)
    assert bound.rejected == ()


def test_a_shift_names_how_wrong_the_clock_is():
    bound = heard(*volts((NOW_MS + 10 * MINUTE_MS, 1.0)))
    assert bound.batch.reasons == {0: "its clock is wrong by +600 s"}


def test_a_shift_takes_no_fault_away():
    bound = heard(*volts((NOW_MS + 10 * MINUTE_MS, 1.0), quality=Quality.FAIL))
    assert bound.batch.quality == [int(Quality.FAIL)]


def test_one_wrong_time_among_true_ones_is_a_dead_letter():
    bound = heard(*volts((5000, 1.0), (NOW_MS, 2.0)))
    assert [row[3] for row in rows(bound)] == [2.0]
    assert bound.rejected[0].reason == "its time lies before 2020"


def test_a_backlog_without_times_is_a_dead_letter_and_the_rest_goes_on():
    bound = heard(*volts((None, 1.0), (None, 2.0)), Record("Probe.T", 20.0))
    assert [row[2] for row in rows(bound)] == ["shed-temp"]
    assert {one.reason for one in bound.rejected} == {
        "several values of volts and no time: nobody knows when"
    }
    assert len(bound.rejected) == 2


def test_times_rise_from_message_to_message():
    newest: Newest = {}
    at = [heard(*volts((None, 1.0)), newest=newest).batch.at_ms[0] for _ in range(3)]
    assert at == [NOW_MS, NOW_MS + 1, NOW_MS + 2]


def test_a_message_with_times_that_comes_again_is_a_double():
    newest: Newest = {}
    first = heard(*volts((NOW_MS - 1, 1.0)), newest=newest)
    again = heard(*volts((NOW_MS - 1, 1.0)), newest=newest)
    other = heard(*volts((NOW_MS - 1, 2.0)), newest=newest)
    assert (len(first.batch), first.doubles) == (1, 0)
    assert (len(again.batch), again.doubles) == (0, 1)
    assert other.batch.at_ms == [NOW_MS]


def test_after_the_house_clock_was_set_back_arrival_is_believed_again():
    newest: Newest = {("linjiang", "plug", ("shed", "", "voltage")): (NOW_MS + 3_600_000, 1.0)}
    for _ in range(2):
        bound = heard(*volts((None, 1.0)), newest=newest)
    assert bound.batch.at_ms == [NOW_MS + 1]


def test_the_batch_is_untrusted_and_covers_nothing():
    batch = heard(*volts((None, 1.0)), Record("Probe.T", None)).batch
    assert batch.untrusted
    assert (batch.run, batch.first, batch.count, batch.seq) == ("", 0, 2, [0, 1])
    assert batch.quality[1] == int(Quality.MISSING)
    assert batch.only([1]).untrusted
