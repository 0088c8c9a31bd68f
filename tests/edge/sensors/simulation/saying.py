"""A simulated sensor played through at once."""

from edge.sensors.simulated import Simulated, Simulation

BEGIN_MS = 1_800_000_000_000  # 2027-01-15 16:00 in China
MIDNIGHT_MS = BEGIN_MS - 16 * 3_600_000
HOUR_S, DAY_S = 3600, 86_400


def values(
    metric: str, seconds: float, *, interval_s: float = 60.0, begin_ms: int = BEGIN_MS, **plan
) -> list:
    """One value for each round up to ``seconds``; None for a round in which nothing was said."""
    plan = {"place": "p", "port": "", "seed": 1, **plan}
    simulation = Simulation(metrics=(metric,), interval_s=interval_s, **plan)
    sensor, mark, said = Simulated("sim", simulation, begin_ms), "", {}
    now_ms = begin_ms + round(seconds * 1000)
    while True:
        step = sensor.step(mark, now_ms)
        said.update({sample.at_ms: sample.value for sample in step.samples})
        mark = step.mark
        if step.wake_ms is None or step.wake_ms > now_ms:
            break
    rounds = int(seconds // interval_s) + 1
    return [said.get(begin_ms + round(n * interval_s * 1000)) for n in range(rounds)]
