"""The demo's script: which device plays what, what is injected and when, what must come of it.

Times are house seconds after the begin. Recordings keep their own words (cause unknown); whatever
is made up belongs to the device ``shed-2-02``, whose source is "injected", or to a simulated one.
"""

from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

RECORDINGS = Path(__file__).parent / "recordings"
COMMUNITY = Path(__file__).parent / "community"

SITE = "linjiang"
DEVICES = ("laobakou-01", "shed-2-01", "shed-2-02", "shed-5-01", "jingyang-01")
LENGTH_S = 6.75 * 3600  # --once ends here: the river has come back and has been told so
HISTORY_S = 16 * 3600  # what the charts show from the first moment; no alarm lies in it

# The recorded rise of conductivity begins 45 minutes after this moment.
RIVER_START = "2019-01-17T10:00Z"
NIGHT_REPEATS_S = 4 * 3600  # the night of chargers is 3 h 54 min long
WEEK_REPEATS_S = 6 * 86400

OVERLOAD_AT_S, OVERLOAD_FOR_S, OVERLOAD_W = 480, 720, 1130
HEAT_AT_S, HEAT_FOR_S, HEAT_C = 3900, 1200, 66
SMOKE_AT_S, SMOKE_FOR_S = 6600, 1500  # long enough for every tier, at any speed
SHED_5_W = (138, 0, 112, 21, 0, 176)  # two empty sockets, one that is full and still on
SILENCE_AT_S, SILENCE_FOR_S = 2400, 13_200  # riv-offline waits for three hours
SILENT = "jingyang-01"  # not even its health is heard, so that the whole device is missed


@dataclass(frozen=True, slots=True)
class Expected:
    """An incident that must be there at the end of ``--once``, and who must have been told."""

    rule: str
    subject: str
    told: tuple[str, ...]


# Nobody takes over in --once, so each climbs as far as its tiers and its length let it.
EXPECTED = (
    Expected("riv-cond-rise", f"place:{SITE}/laobakou", ("zhang", "li")),
    Expected("eb-port-overp", f"port:{SITE}/shed-2/7", ("guard", "emma")),
    Expected("eb-shed-temp", f"place:{SITE}/shed-2", ("guard", "emma")),
    Expected("eb-smoke", f"place:{SITE}/shed-2", ("guard", "emma", "chen", "zhou")),
    Expected("riv-offline", f"device:{SITE}/jingyang-01", ()),
)


def device_files(
    *, mqtt: str, begin_ms: int, once: bool, resend_s: float, backlog_per_s: float = 5000.0
) -> dict[str, str]:
    """``edge.toml`` of each device, by device id; ``mqtt`` is the keys of its table [mqtt]."""
    begin = datetime.fromtimestamp(begin_ms / 1000, UTC).isoformat()
    sensors = (_river(once), _chargers(once), _safety_box(once), _shed_5(once), _bridge(once))
    return {
        device: _head(device, mqtt, begin, once, resend_s, backlog_per_s) + its_sensors
        for device, its_sensors in zip(DEVICES, sensors, strict=True)
    }


def _head(
    device: str, mqtt: str, begin: str, once: bool, resend_s: float, backlog_per_s: float
) -> str:
    return f"""site = "{SITE}"
device = "{device}"

[mqtt]
{mqtt}

[journal]
path = "{device}.db"
durability = "each"

[agent]
health_interval_s = {86400 if device == SILENT else 900}
resend_s = {resend_s}
backlog_per_s = {backlog_per_s}
exit_when_done = {str(once).lower()}
summary = "{device}.json"

[house]
begin = "{begin}"
"""


def _river(once: bool) -> str:
    until = f"{RIVER_START[:11]}16:45Z" if once else "2100-01-01T00:00Z"
    return f"""
[[sensor]]
kind = "replay"
name = "sonde"
file = "{RECORDINGS / "main-street-2019-01.csv"}"
place = "laobakou"
start = "{RIVER_START}"
until = "{until}"
history_s = {HISTORY_S}
repeat_s = {0 if once else WEEK_REPEATS_S}
[sensor.columns]
water_temp_c = "water-temp"
conductivity_us_cm = "conductivity"
ph = "ph"
do_mg_l = "do"
turbidity_ntu = "turbidity"
stage_cm = {{ metric = "water-level", factor = 0.01 }}
"""


def _chargers(once: bool) -> str:
    until = "2023-06-24T06:45Z" if once else "2100-01-01T00:00Z"
    columns = "\n".join(
        f'{name}_w = {{ place = "shed-2", port = "{port}", metric = "power" }}'
        for port, name in enumerate(
            (
                "lectric_battery_1",
                "lectric_battery_2",
                "rad_battery_1",
                "rad_battery_2",
                "rad_battery_3",
                "battery_spare_1",
            ),
            1,
        )
    )
    return f"""
[[sensor]]
kind = "replay"
name = "chargers"
file = "{RECORDINGS / "ebike-2023-06-24.csv"}"
start = "2023-06-24T00:00Z"
until = "{until}"
repeat_s = {NIGHT_REPEATS_S}
[sensor.columns]
{columns}
"""


def _safety_box(once: bool) -> str:
    return f"""
[[sensor]]
kind = "simulated"
name = "socket-7"
place = "shed-2"
port = "7"
metrics = ["power"]
interval_s = 60
seed = 7
{_end(once)}
[[sensor.inject]]
metric = "power"
shape = "step"
at_s = {OVERLOAD_AT_S}
for_s = {OVERLOAD_FOR_S}
to = {OVERLOAD_W}

[[sensor]]
kind = "simulated"
name = "air"
place = "shed-2"
metrics = ["shed-temp", "smoke"]
interval_s = 60
seed = 2
{_end(once)}
[[sensor.inject]]
metric = "shed-temp"
shape = "ramp"
at_s = {HEAT_AT_S}
for_s = {HEAT_FOR_S}
to = {HEAT_C}
[[sensor.inject]]
metric = "smoke"
shape = "step"
at_s = {SMOKE_AT_S}
for_s = {SMOKE_FOR_S}
to = 1
"""


def _shed_5(once: bool) -> str:
    sockets = "".join(
        f"""
[[sensor]]
kind = "simulated"
name = "socket-{port}"
place = "shed-5"
port = "{port}"
metrics = ["power"]
interval_s = 300
seed = {50 + port}
{_end(once)}
[sensor.curve.power]
base = {power_w}
noise = {power_w / 100}
"""
        for port, power_w in enumerate(SHED_5_W, 1)
    )
    return f"""
[[sensor]]
kind = "simulated"
name = "air"
place = "shed-5"
metrics = ["shed-temp", "smoke"]
interval_s = 60
seed = 5
history_s = 14400
{_end(once)}

[[sensor]]
kind = "simulated"
name = "feeder"
place = "shed-5"
metrics = ["current"]
interval_s = 60
seed = 55
history_s = 14400
{_end(once)}
[sensor.curve.current]
base = {sum(SHED_5_W) / 220:.2f}
noise = 0.05
{sockets}"""


def _bridge(once: bool) -> str:
    silences = "".join(
        f"""[[sensor.inject]]
metric = "{metric}"
shape = "silence"
at_s = {SILENCE_AT_S}
for_s = {SILENCE_FOR_S}
"""
        for metric in ("rain", "water-level")
    )
    return f"""
[[sensor]]
kind = "simulated"
name = "gauge"
place = "jingyang"
metrics = ["rain", "water-level"]
interval_s = 300
seed = 9
history_s = {HISTORY_S}
{_end(once)}
{silences}"""


def _end(once: bool) -> str:
    return f"until_s = {LENGTH_S}" if once else ""
