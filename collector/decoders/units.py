"""From the units that sources write to those of the catalogue: exact pairs, and nothing guessed.

A spelling is looked up as it stands: ``mS`` and ``MS``, ``mA`` and ``MA`` differ in their case alone.
Factors are those of the SI; °F by its definition; a watt-minute is a sixtieth of a watt-hour.
"""

from collections.abc import Callable

from edge.contract.metrics import METRICS

Convert = Callable[[float], float]


class UnknownUnit(ValueError):
    """No such unit of this metric; the text says so, with those that are known."""


# Usual spellings -> the one used below. The micro sign U+00B5 is used; U+03BC is the Greek letter.
_SPELLINGS = {
    "Cel": "°C", "℃": "°C", "C": "°C", "degC": "°C", "celsius": "°C", "Celsius": "°C", "°c": "°C",
    "℉": "°F", "F": "°F", "degF": "°F", "fahrenheit": "°F", "Fahrenheit": "°F",
    "kelvin": "K", "Kelvin": "K",
    "mg/l": "mg/L", "ppm": "ppm", "μg/L": "µg/L", "ug/L": "µg/L", "ug/l": "µg/L", "µg/l": "µg/L",
    "μg/l": "µg/L", "ng/l": "ng/L", "g/l": "g/L", "mg/m³": "µg/L", "mg/m3": "µg/L",
    "uS/cm": "µS/cm", "us/cm": "µS/cm", "μS/cm": "µS/cm", "ms/cm": "mS/cm", "dS/m": "mS/cm",
    "S/m": "S/m", "uS/m": "µS/m", "μS/m": "µS/m",
    "NTU": "NTU", "ntu": "NTU", "FNU": "NTU", "FTU": "NTU",
    "v": "V", "volt": "V", "kv": "kV", "mv": "mV",
    "a": "A", "ampere": "A",
    "w": "W", "watt": "W", "kw": "kW",
    "wh": "Wh", "kwh": "kWh", "KWH": "kWh", "KWh": "kWh", "度": "kWh", "W.min": "Wmin",
    "Wh*60": "Wmin", "Ws": "J",
    "hz": "Hz",
    "%RH": "%", "percent": "%", "%rh": "%", "%EL": "%", "％": "%",
    "米": "m", "meter": "m", "metre": "m", "M": "m", "厘米": "cm", "毫米": "mm",
    "m3/s": "m³/s", "m^3/s": "m³/s", "l/s": "L/s", "m3/h": "m³/h", "m^3/h": "m³/h",
    "dBW": "dBW", "dbm": "dBm", "sec": "s", "second": "s", "min": "min", "hour": "h",
    "MiB": "MB", "Mb": "Mb", "KB": "kB",
}  # fmt: skip
# Source unit -> catalogue unit -> factor.
_FACTORS: dict[str, dict[str, float]] = {
    "W": {"kW": 1e3, "MW": 1e6, "mW": 1e-3},
    "Wh": {"kWh": 1e3, "MWh": 1e6, "Wmin": 1 / 60, "J": 1 / 3600, "kJ": 1 / 3.6, "MJ": 1e3 / 3.6},
    "V": {"mV": 1e-3, "kV": 1e3},
    "A": {"mA": 1e-3},
    "mA": {"A": 1e3, "µA": 1e-3},
    "mV": {"V": 1e3},
    "Hz": {"mHz": 1e-3, "kHz": 1e3},
    "mg/L": {"µg/L": 1e-3, "g/L": 1e3, "ng/L": 1e-6},
    "µg/L": {"mg/L": 1e3, "g/L": 1e6, "ng/L": 1e-3},
    "µS/cm": {"mS/cm": 1e3, "S/m": 1e4, "mS/m": 10.0, "µS/m": 1e-2, "S/cm": 1e6},
    "m": {"cm": 1e-2, "mm": 1e-3, "dm": 0.1, "km": 1e3, "ft": 0.3048},
    "cm": {"m": 1e2, "mm": 0.1, "dm": 10.0},
    "mm": {"cm": 10.0, "m": 1e3, "in": 25.4, "inch": 25.4},
    "m³/s": {"L/s": 1e-3, "m³/h": 1 / 3600, "m³/min": 1 / 60},
    "s": {"ms": 1e-3, "min": 60.0, "h": 3600.0, "d": 86400.0},
    "h": {"min": 1 / 60, "s": 1 / 3600, "d": 24.0},
    "MB": {"kB": 1e-3, "B": 1e-6, "GB": 1e3, "KiB": 1024e-6, "GiB": 1073.741824},
}
# A ratio of 0 to 1 is never guessed from a value: the source must say "1".
_RATIO = {"%": {"1": 100.0, "/": 100.0}, "": {"%": 1e-2}}


def converter(metric: str, unit: str) -> Convert | None:
    """What makes the catalogue's unit of ``unit``; None where it is the same. "" means the same.

    KeyError when the catalogue has no such metric, UnknownUnit when the pair is not known.
    """
    known = METRICS[metric]
    wanted, given = known.unit, unit.strip()
    if given in ("", wanted, known.senml):
        return None
    given = _SPELLINGS.get(given, given)
    if given == wanted:
        return None
    if wanted == "°C":
        if given == "°F":
            return lambda value: (value - 32) * 5 / 9
        if given == "K":
            return lambda value: value - 273.15
    factors = _FACTORS.get(wanted, {}) | (_RATIO.get(wanted, {}) if metric in _RATIOS else {})
    factor = factors.get(given)
    if factor is not None:
        return lambda value: value * factor
    if metric == "ph" and given in ("pH", "1", "无量纲"):
        return None
    if not wanted and given in ("1", "bool", "count", "个", "无量纲"):
        return None
    others = ", ".join((wanted or "none", *factors, *(("°F", "K") if wanted == "°C" else ())))
    raise UnknownUnit(f"{metric} is not measured in {unit[:20]!r}; known: {others}")


_RATIOS = frozenset({"humidity", "do-saturation", "power-factor", "cpu-load", "card-wear"})
