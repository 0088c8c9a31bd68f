"""The tables of guard, outputs, button, announcer and command: each mistake with its remedy."""

from pathlib import Path

import pytest

from edge.config import read
from edge.errors import ConfigError
from edge.outputs.plan import Wiring

HEAD = (
    'site = "riverside"\ndevice = "box"\n[mqtt]\nurl = "mqtt://broker:1884"\n'
    '[[sensor]]\nkind = "simulated"\nplace = "shed-1"\nmetrics = ["smoke", "shed-temp", "voltage"]\n'
    "interval_s = 10\n"
)
OUTPUT = (
    '[[output]]\nname = "main"\nkind = "gpio"\nwiring = "trip"\nplace = "shed-1"\npin = 22\n'
    'proof = { metric = "voltage", above = 50 }\n'
)
HORN = '[[output]]\nname = "horn"\nkind = "gpio"\nwiring = "buzzer"\npin = 24\n'
GUARD = '[[guard]]\nname = "smoke"\nkind = "contact"\nplace = "shed-1"\nmetric = "smoke"\noff = ["main"]\n'
BUTTON = "[button]\npin = 23\n"


def given(folder: Path, text: str) -> Path:
    path = folder / "edge.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_a_shed_is_read(tmp_path: Path) -> None:
    (tmp_path / "device.key").write_text("00112233445566778899aabbccddeeff\n")
    plan = read(
        given(
            tmp_path,
            HEAD + OUTPUT + HORN + GUARD + BUTTON + '[command]\nkey = "file:device.key"\n'
            '[announcer]\nbuzzer = "horn"\n',
        )
    ).onsite
    assert [each.wiring for each in plan.outputs] == [Wiring.TRIP, Wiring.BUZZER]
    (rule,) = plan.rules
    assert rule.latches
    assert (rule.hold_ms, rule.off) == (180_000, ("main",))
    assert plan.key == bytes.fromhex("00112233445566778899aabbccddeeff")


def test_a_box_in_a_guard_room_needs_no_sensor(tmp_path: Path) -> None:
    head = HEAD.partition("[[sensor]]")[0]
    plan = read(given(tmp_path, head + '[announcer]\nsay = ["espeak-ng", "{text}"]\n')).onsite
    assert plan.announcer is not None
    assert plan.announcer.server_silent_s == 300


def test_a_box_without_any_of_it_loads_none_of_it(tmp_path: Path) -> None:
    import subprocess
    import sys

    script = (
        "import sys; from pathlib import Path; from edge.config import read; import edge.agent\n"
        f"read(Path({str(given(tmp_path, HEAD))!r}))\n"
        "sys.exit(' '.join(n for n in sys.modules if n.startswith(('edge.guard', 'edge.announcer',"
        " 'edge.outputs', 'edge.onsite.commands'))) or 0)\n"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize(
    ("text", "words"),
    [
        (GUARD, ["guard.smoke.off", "no output 'main'"]),
        (OUTPUT + GUARD + GUARD, ["guard.smoke.name", "taken"]),
        (OUTPUT + GUARD + "latch = false\n", ["guard.smoke.latch", "stays off"]),
        (OUTPUT + GUARD.replace('"contact"', '"limit"'), ["needs 'above' or 'below'"]),
        (OUTPUT + GUARD.replace('"contact"', '"rise"'), ["per_minute", "window_s"]),
        (OUTPUT + GUARD.replace('"contact"', '"stale"'), ["after_s", "missing"]),
        (OUTPUT + GUARD.replace('"smoke"\noff', '"voltage"\noff'), ["is no flag"]),
        (OUTPUT + GUARD + "above = 3\n", ["guard.smoke.above", "unknown key"]),
        (OUTPUT + GUARD.replace("shed-1", "shed-2"), ["no sensor here gives shed-2/smoke"]),
        (OUTPUT + GUARD + "hold_s = 5\n", ["guard.smoke.hold_s", "each 10 s"]),
        (OUTPUT + HORN + GUARD.replace("main", "horn"), ["no output 'horn'", "trip or hold"]),
        (OUTPUT + GUARD.replace('"contact"', '"rise"').replace('"smoke"\noff', '"shed-temp"\noff')
         + "per_minute = 5\nwindow_s = 30\n", ["guard.smoke.window_s", "write 40 or more"]),
        (OUTPUT.partition("proof")[0], ["output.main.proof", "[button]"]),
        (OUTPUT.replace('"trip"', '"hold"'), ["output.main.wiring", "add a [button]"]),
        (OUTPUT.replace("50 }", '50, port = "p" }'), ["output.main.proof.metric"]),
        (OUTPUT.replace("22", "99"), ["output.main.pin", "0 to 27"]),
        (OUTPUT + OUTPUT, ["output.main.name", "pin 22 is another"]),
        (OUTPUT + "pulse_s = 60\n", ["output.main.pulse_s", "at most 5"]),
        (HORN + "pulse_s = 1\n", ["output.horn.pulse_s", "unknown key"]),
        (OUTPUT.replace('"gpio"', '"coil"').replace("pin = 22", "coil = 0"), ["serial", "tcp"]),
        ('[announcer]\nsay = ["espeak-ng"]\n', ["announcer.say", '"{text}"']),
        ("[announcer]\n", ["announcer.say", "is missing"]),
        ('[announcer]\nbuzzer = "horn"\n', ["announcer.buzzer", "no output 'horn'"]),
        ('[command]\nkey = "00112233445566778899aabbccddeeff"\n', ["command.key", "file:PATH"]),
        ('[command]\nkey = "file:none"\n', ["command.key", "openssl rand -hex 32"]),
        ('[command]\nkey = "file:short"\n', ["command.key", "at least 16"]),
        ('[command]\nkey = "file:words"\n', ["command.key", "hexadecimal"]),
    ],
)  # fmt: skip
def test_each_mistake_is_told_with_its_remedy(tmp_path: Path, text, words) -> None:
    (tmp_path / "short").write_text("0011")
    (tmp_path / "words").write_text("open sesame")
    with pytest.raises(ConfigError) as caught:
        read(given(tmp_path, HEAD + text))
    for word in words:
        assert word in str(caught.value)
    assert "00112233445566778899aabbccddeeff" not in str(caught.value)
    assert "sesame" not in str(caught.value)


def test_the_samples_guards_are_whole_once_they_are_taken_in(tmp_path: Path) -> None:
    from edge import config

    sample = (Path(config.__file__).parent / "samples/edge.toml").read_text("utf-8")
    begin, end = sample.index("# [[output]]"), sample.index("# A recording measured again")
    taken_in = "\n".join(
        line.removeprefix("#").removeprefix(" ") for line in sample[begin:end].splitlines()
    )
    sensors = (
        '[[sensor]]\nkind = "simulated"\nplace = "shed-1"\nmetrics = ["smoke", "shed-temp"]\ninterval_s = 10\n'
        '[[sensor]]\nkind = "simulated"\nplace = "shed-1"\nport = "feeder"\nmetrics = ["relay", "residual-current"]\n'
        '[[sensor]]\nkind = "simulated"\nplace = "shed-1"\nport = "p01"\nmetrics = ["power", "port-temp"]\n'
        "interval_s = 10\n"
    )
    (tmp_path / "device.key").write_text("00112233445566778899aabbccddeeff\n")
    onsite = read(given(tmp_path, HEAD.partition("[[sensor]]")[0] + sensors + taken_in)).onsite
    assert [each.name for each in onsite.rules] == [
        "smoke", "shed-hot", "shed-heating", "leakage", "port-1-hot", "port-1-load",
        "port-1-surge", "port-1-heating", "smoke-silent",
    ]  # fmt: skip
    assert [each.name for each in onsite.outputs] == ["main", "horn"]
    assert onsite.button
    assert onsite.announcer
    assert onsite.key
