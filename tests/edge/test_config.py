"""edge.toml: every mistake at once, each with its key and remedy."""

from pathlib import Path

import pytest

from edge import config as edge_config
from edge.cli import main
from edge.config import SensorConfig, read
from edge.errors import ConfigError
from edge.sensors.replay import Column, Recording
from edge.sensors.simulated import Simulation

SAMPLE = Path(edge_config.__file__).parent / "samples/edge.toml"
HEAD = 'site = "riverside"\ndevice = "box"\n[mqtt]\nurl = "mqtt://broker:1884"\n'
TLS = HEAD.replace("mqtt://", "mqtts://")
SIMULATED = '[[sensor]]\nkind = "simulated"\nplace = "shed-1"\nmetrics = ["smoke"]\n'


def given(folder: Path, text: str) -> Path:
    path = folder / "edge.toml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(folder: Path, text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        read(given(folder, text), {})
    return "\n".join(caught.value.problems)


def test_the_sample_is_whole(capsys) -> None:
    assert main(["check", str(SAMPLE)]) == 0
    assert "riverside/shed-1-box with shed-air, feeder, supply" in capsys.readouterr().out


def test_a_small_file_is_read_with_its_defaults(tmp_path: Path) -> None:
    config = read(given(tmp_path, HEAD + SIMULATED))
    assert (config.site, config.device) == ("riverside", "box")
    assert (config.mqtt.host, config.mqtt.port, config.mqtt.is_tls) == ("broker", 1884, False)
    assert config.journal.path == tmp_path / "journal.db"
    assert (config.journal.durability_s, config.journal.max_bytes) == (10, 200_000_000)
    (sensor,) = config.sensors
    assert isinstance(sensor, SensorConfig)
    assert sensor.name == "simulated-1"
    assert isinstance(sensor.plan, Simulation)
    assert config.begin_ms is None
    assert not config.exit_when_done


def test_a_replay_is_read_with_its_columns(tmp_path: Path) -> None:
    (tmp_path / "river.csv").write_text("when,temp,stage\n")
    text = HEAD + (
        '[house]\nbegin = "2026-11-22T08:00Z"\n'
        '[[sensor]]\nkind = "replay"\nname = "river"\nfile = "river.csv"\nat = "when"\n'
        'place = "laobakou"\nstart = 2019-01-17T08:00:00Z\nhistory_s = 3600\n'
        '[sensor.columns]\ntemp = "water-temp"\n'
        'stage = { metric = "water-level", place = "gauge", port = "a", factor = 0.01 }\n'
    )
    config = read(given(tmp_path, text))
    plan = config.sensors[0].plan
    assert isinstance(plan, Recording)
    assert plan.columns == (
        Column(name="temp", place="laobakou", port="", metric="water-temp"),
        Column(name="stage", place="gauge", port="a", metric="water-level", factor=0.01),
    )
    assert plan.start == "2019-01-17T08:00:00+00:00"
    assert config.begin_ms == 1_795_334_400_000


def test_all_mistakes_are_told_at_once(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        'site = "River Side"\ncolour = 1\n[mqtt]\nurl = "http://x"\nkeep_alife_s = 9\n'
        'password = "hunter2"\n[journal]\nmax_mb = 0\ndurability = "often"\n'
        '[[sensor]]\nkind = "simulated"\nmetrics = ["smok", "energy"]\ninterval_s = "1"\n'
        '[[sensor.inject]]\nmetric = "smok"\nshape = "jump"\nat_s = 1\nfor_s = 0\nto = 1\n'
        '[[sensor]]\nkind = "replay"\nname = "old"\nfile = "none.csv"\n'
        '[[sensor]]\nkind = "modbuss"\nunit_id = 1\n',
    )
    for part in (
        "site: write an id",
        "device: is missing",
        "colour: unknown key",
        "mqtt.url: write mqtt://",
        "mqtt.keep_alife_s: unknown key; did you mean 'keep_alive_s'?",
        "mqtt.password: write a reference",
        "journal.max_mb: write a number at least 1",
        "journal.durability: write seconds, or \"each\", got 'often'",
        "sensor[1 of 3].metrics: 'smok' is not in the catalogue",
        "sensor[1 of 3].metrics: 'energy' has no curve",
        "sensor[1 of 3].interval_s: write a number",
        "sensor[1 of 3].inject[1 of 1].shape: write one of step, ramp, silence",
        "sensor[1 of 3].inject[1 of 1].for_s: write a number above 0",
        "sensor.old.columns: name at least one",
        "sensor.old.file:",
        "sensor[3 of 3].kind: write one of ads1115",
    ):
        assert part in found, part
    assert "hunter2" not in found
    assert found.count("sensor[3 of 3]") == 1  # of a kind that is none the other keys are unknown
    assert all(line.startswith(str(tmp_path)) for line in found.splitlines())


@pytest.mark.parametrize(
    ("text", "part"),
    [
        (HEAD, "sensor: there is none"),
        (HEAD + SIMULATED * 2 + 'name = "simulated-1"', "is taken by another sensor"),
        (HEAD.replace('"box"', '"server"') + SIMULATED, "the server's own name"),
        (HEAD + 'password = "env:NOPE"\nuser = "a"\n' + SIMULATED, "the environment has no NOPE"),
        (HEAD + 'password = "file:nope"\nuser = "a"\n' + SIMULATED, "cannot be read"),
        (HEAD + 'ca = "nope.pem"\n' + SIMULATED, "no file"),
        (TLS + 'ca_next = "a.pem"\n' + SIMULATED, "mqtt.ca: is missing beside ca_next"),
        (TLS + 'cert = "a.pem"\n' + SIMULATED, "mqtt.key: is missing beside cert"),
        (TLS + 'key = "a.pem"\n' + SIMULATED, "mqtt.cert: is missing beside key"),
        (HEAD + 'protocol = "4"\n' + SIMULATED, "mqtt.protocol: write one of auto, 5, 3.1.1"),
        (HEAD.replace("mqtt://", "mqtt://me:secret@") + SIMULATED, "holds a user name"),
        (HEAD + "[house]\nbegin_ms = 1\nbegin = 2.0\n" + SIMULATED, "given twice"),
        (HEAD + SIMULATED + 'port = "Port 1"', "write an id"),
        ('sensor = "x"\n' + HEAD, "write [[sensor]] with two brackets"),
        ('mqtt = 1\nsite = "a"\ndevice = "b"\n' + SIMULATED, "mqtt: write a table"),
        ("site = ", "not TOML"),
    ],
)
def test_each_mistake_names_its_remedy(tmp_path: Path, text: str, part: str) -> None:
    assert part in problems(tmp_path, text)


def test_a_column_that_the_recording_lacks_is_named(tmp_path: Path) -> None:
    (tmp_path / "river.csv").write_text("at,temp\n")
    found = problems(
        tmp_path,
        HEAD + '[[sensor]]\nkind = "replay"\nfile = "river.csv"\nplace = "a"\n'
        'columns = { tmep = "water-temp" }\n',
    )
    assert "no column 'tmep', only at, temp" in found


def test_keys_and_certificates_that_tls_cannot_use_are_named(tmp_path: Path) -> None:
    for name in ("ca.pem", "box.pem", "box.key"):
        (tmp_path / name).write_text("-----BEGIN NONSENSE-----\n")
    (tmp_path / "box.key").chmod(0o600)
    pair = 'cert = "box.pem"\nkey = "box.key"\n'
    found = problems(tmp_path, TLS + 'ca = "ca.pem"\n' + SIMULATED)
    assert f"mqtt.ca: {tmp_path}/ca.pem: no certificate in PEM" in found
    found = problems(tmp_path, TLS + pair + SIMULATED)
    assert f"mqtt.cert: {tmp_path}/box.pem: not a certificate whose key" in found
    found = problems(tmp_path, HEAD + pair + SIMULATED)
    assert "mqtt.cert: is not used without TLS; write mqtts:// in url" in found
    (tmp_path / "box.key").chmod(0o640)
    found = problems(tmp_path, TLS + pair + SIMULATED)
    assert f"mqtt.key: others may read it (mode 640); chmod 600 {tmp_path}/box.key" in found


def test_secrets_are_looked_up_and_never_shown(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("from-file\n")
    for reference, secret in (("env:BOX_KEY", "from-environment"), ("file:key", "from-file")):
        text = HEAD + f'user = "box"\npassword = "{reference}"\n' + SIMULATED
        config = read(given(tmp_path, text), {"BOX_KEY": "from-environment"})
        assert config.mqtt.password is not None
        assert config.mqtt.password.reveal() == secret
        assert secret not in repr(config) + str(config.mqtt.password)


def test_a_wrong_file_ends_with_code_2_and_says_so(tmp_path: Path, capsys) -> None:
    assert main(["check", str(given(tmp_path, "no_such_key = true\n"))]) == 2
    assert "no_such_key: unknown key" in capsys.readouterr().err
    assert main(["run", str(tmp_path / "missing.toml")]) == 2
    assert "name a file that can be read" in capsys.readouterr().err


def test_a_wrong_clock_ends_with_code_2(tmp_path: Path, capsys, monkeypatch) -> None:
    monkeypatch.setenv("SHOUWANG_CLOCK", "noon")
    assert main(["check", str(given(tmp_path, HEAD + SIMULATED))]) == 2
    assert "is no clock" in capsys.readouterr().err
