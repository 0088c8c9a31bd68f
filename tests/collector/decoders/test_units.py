import pytest

from collector.decoders.units import UnknownUnit, converter
from edge.contract.metrics import METRICS

ROWS = [
    ("energy", "kWh", 1.5, 1500.0),
    ("energy", "度", 1.0, 1000.0),
    ("energy", "Wmin", 60.0, 1.0),
    ("energy", "J", 3600.0, 1.0),
    ("power", "kW", 2.2, 2200.0),
    ("current", "mA", 250.0, 0.25),
    ("residual-current", "A", 0.03, 30.0),
    ("voltage", "mV", 230_000.0, 230.0),
    ("orp", "V", 0.2, 200.0),
    ("water-temp", "°F", 68.0, 20.0),
    ("water-temp", "℉", 32.0, 0.0),
    ("water-temp", "K", 293.15, 20.0),
    ("conductivity", "mS/cm", 0.35, 350.0),
    ("conductivity", "μS/cm", 350.0, 350.0),
    ("conductivity", "mS/m", 35.0, 350.0),
    ("conductivity", "S/m", 0.035, 350.0),
    ("water-level", "cm", 125.0, 1.25),
    ("water-level", "mm", 1250.0, 1.25),
    ("transparency", "m", 0.6, 60.0),
    ("chl-a", "mg/L", 0.012, 12.0),
    ("chl-a", "ug/l", 12.0, 12.0),
    ("tp", "µg/L", 200.0, 0.2),
    ("flow", "m3/h", 3600.0, 1.0),
    ("flow", "L/s", 500.0, 0.5),
    ("rain", "in", 0.1, 2.54),
    ("humidity", "1", 0.55, 55.0),
    ("power-factor", "%", 98.0, 0.98),
    ("turbidity", "FNU", 3.0, 3.0),
    ("ph", "pH", 7.2, 7.2),
    ("signal", "dbm", -70.0, -70.0),
]


@pytest.mark.parametrize(("metric", "unit", "given", "wanted"), ROWS)
def test_a_value_comes_out_in_the_catalogues_unit(metric, unit, given, wanted):
    convert = converter(metric, unit)
    assert (convert(given) if convert else given) == pytest.approx(wanted)


@pytest.mark.parametrize("metric", METRICS)
def test_no_unit_and_the_catalogues_own_change_nothing(metric):
    for unit in ("", METRICS[metric].unit, METRICS[metric].senml, f" {METRICS[metric].unit} "):
        assert converter(metric, unit) is None


@pytest.mark.parametrize(
    ("metric", "unit"),
    [
        ("power", "kWh"),
        ("energy", "W"),
        ("current", "MA"),  # a megaampere is no milliampere
        ("conductivity", "MS/cm"),
        ("water-temp", "m"),
        ("do", "%"),  # saturation is another metric
        ("nh3n", "ppm"),
        ("ph", "mV"),
        ("smoke", "%"),
        ("do", "\x1b[31m" * 9),
    ],
)
def test_a_pair_that_is_not_known_is_refused_with_those_that_are(metric, unit):
    with pytest.raises(UnknownUnit, match=f"{metric} is not measured in .*; known: ") as refused:
        converter(metric, unit)
    assert str(refused.value).isprintable()
