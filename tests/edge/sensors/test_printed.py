"""Files and commands that print values: bounded, without a shell, and told nothing secret."""

import json
import os
import sys
import time
from pathlib import Path

import pytest

from edge.errors import SensorError
from edge.sensors.kinds import KINDS
from edge.sensors.named import Named
from edge.sensors.port import Series
from edge.sensors.printed import Printed
from edge.table import Table

TEMP, CO = Series("shed-1", "", "shed-temp"), Series("shed-1", "", "co")
VALUES = (Named(name="temp", series=TEMP), Named(name="air.co", series=CO, factor=1000))


def printed(is_json: bool = False, **more) -> Printed:
    return Printed(values=VALUES, is_json=is_json, **more)


def python(program: str, **more) -> Printed:
    return printed(command=(sys.executable, "-c", program), **{"timeout_s": 60.0, **more})


def values(source: Printed) -> list[float | None]:
    return [answer.value for answer in source.ask().values()]


@pytest.mark.parametrize(
    ("is_json", "text"),
    [
        (True, '{"temp": 21.5, "air": {"co": 0.004}, "other": []}'),
        (True, '{"temp": "21.5", "air.co": 4e-3}'),
        (False, "temp 21.5\nair.co 0.004\n"),
        (False, "# a remark 7\ntemp=21.5\n\nair.co: 0.004\nrubbish\n"),
        (False, "temp 1\ntemp 21.5\nair.co = 4e-3"),
    ],
)
def test_a_file_says_values_by_name(tmp_path: Path, is_json: bool, text: str) -> None:
    file = tmp_path / "values"
    file.write_text(text)
    assert values(printed(is_json, file=file)) == [21.5, pytest.approx(4)]


@pytest.mark.parametrize(
    ("is_json", "text", "reason"),
    [
        (True, '{"temp": NaN, "air.co": 1}', "it says temp 'nan', which is no number"),
        (True, '{"temp": 1e999, "air.co": 1}', "it says temp 'inf', which is no number"),
        (True, '{"temp": %s, "air.co": 1}' % ("9" * 400), "which is no number"),
        (True, '{"temp": [1], "air.co": 1}', "it says temp '[1]', which is no number"),
        (True, '{"temp": null, "air.co": 1}', "it says nothing of temp"),
        (False, "temp 1_000\nair.co 1", "it says temp '1_000', which is no number"),
        (False, "temp error 7\nair.co 1", "it says temp 'error 7', which is no number"),
        (False, "temp ٣\nair.co 1", "which is no number"),
        (False, "temprature 3\nair.co 1", "it says nothing of temp; it says temprature, air.co"),
    ],
)
def test_what_is_no_number_is_missing_alone(
    tmp_path: Path, is_json: bool, text: str, reason: str
) -> None:
    file = tmp_path / "values"
    file.write_text(text)
    found = printed(is_json, file=file).ask()
    assert found[TEMP].value is None
    assert reason in found[TEMP].reason
    assert found[CO].value == 1000


@pytest.mark.parametrize(
    ("is_json", "data", "reason"),
    [
        (True, b"", "not JSON"),
        (True, b"[1]", "not a JSON object"),
        (True, b"[" * 60_000, "not JSON"),
        (False, b"nothing\n", "no line of the form"),
        (False, b"temp \xff\n", "not UTF-8"),
        (False, b"temp 1\n" * 10_000, "over 65536 bytes"),
    ],
)
def test_a_file_that_cannot_be_read_so(tmp_path: Path, is_json, data, reason) -> None:
    file = tmp_path / "values"
    file.write_bytes(data)
    with pytest.raises(SensorError) as raised:
        printed(is_json, file=file).ask()
    assert reason in str(raised.value)


def test_a_file_that_is_gone_old_a_folder_or_a_pipe_without_a_writer(tmp_path: Path) -> None:
    file = tmp_path / "values"
    with pytest.raises(SensorError, match="No such file"):
        printed(file=file).ask()
    file.write_text("temp 1")
    os.utime(file, (time.time() - 600, time.time() - 600))
    assert values(printed(file=file)) == [1, None]
    with pytest.raises(SensorError, match="was last written 600 s ago"):
        printed(file=file, max_age_s=60.0).ask()
    with pytest.raises(SensorError, match="directory"):
        printed(file=tmp_path).ask()
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(SensorError, match="no line of the form"):
        printed(file=tmp_path / "pipe").ask()


def test_a_command_prints_values_and_sees_no_secret(monkeypatch) -> None:
    monkeypatch.setenv("SHOUWANG_PASSWORD", "hunter2")
    source = python("import os, sys; print('temp', len(os.environ)); print('air.co', 0.001)")
    temp, co = values(source)
    assert co == 1
    seen = python("import os, json; print('temp', 'SHOUWANG_PASSWORD' in os.environ and 9 or 0)")
    assert values(seen)[0] == 0
    assert temp is not None


def test_a_command_has_no_shell(tmp_path: Path) -> None:
    marker = tmp_path / "marker"
    words = ("echo", "temp", "1;", "touch", str(marker), "$(touch", f"{marker})")
    source = printed(command=words)
    assert "no number" in source.ask()[TEMP].reason
    assert not marker.exists()


@pytest.mark.parametrize(
    ("program", "timeout_s", "reason"),
    [
        ("import time; time.sleep(600)", 1.0, "took longer than 1 s"),
        ("import sys, time; sys.stdout.close(); time.sleep(600)", 1.0, "took longer than 1 s"),
        ("import os\nos.close(1); os.close(2)\nimport time; time.sleep(600)", 1.0, "took longer"),
        ("while True: print('temp 1' * 1000)", 60.0, "printed over 65536 bytes"),
        ("import sys\nwhile True: sys.stderr.write('x' * 1000)", 60.0, "printed over 65536 bytes"),
        ("import sys; sys.exit('no probe')", 60.0, "ended with 1: no probe"),
        ("import os; os.kill(os.getpid(), 9)", 60.0, "ended with -9"),
    ],
)
def test_a_command_that_hangs_floods_or_fails_is_ended(program, timeout_s, reason) -> None:
    begun = time.monotonic()
    with pytest.raises(SensorError) as raised:
        python(program, timeout_s=timeout_s).ask()
    assert reason in str(raised.value)
    assert time.monotonic() - begun < 50


def test_what_a_command_leaves_behind_is_ended_with_it(tmp_path: Path) -> None:
    note = tmp_path / "pid"
    program = (
        "import subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(600)'])\n"
        f"open({str(note)!r}, 'w').write(str(child.pid))\n"
    )
    with pytest.raises(SensorError, match="took longer"):  # the child holds the pipe open
        python(program, timeout_s=5.0).ask()
    pid = note.read_text()
    until = time.monotonic() + 20
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            break
        if state in "ZX":
            break
        assert time.monotonic() < until, "the child lives on"
        time.sleep(0.02)


def test_a_command_that_is_not_there() -> None:
    with pytest.raises(SensorError, match="cannot be run"):
        printed(command=("/nowhere/probe",)).ask()


def read(folder: Path, **keys) -> tuple[object, list[str]]:
    problems: list[str] = []
    raw = {"place": "shed-1", "values": {"temp": "shed-temp"}, **keys}
    table = Table(raw, "", problems)
    plan = KINDS["printed"](table, folder)
    table.done()
    return plan, problems


def test_its_keys(tmp_path: Path) -> None:
    program = tmp_path / "probe"
    program.write_text(f"#!{sys.executable}\nprint({json.dumps(json.dumps({'temp': 3}))})\n")
    program.chmod(0o755)
    plan, problems = read(tmp_path, command=["./probe"], format="json", timeout_s=60)
    assert problems == []
    source = plan.build("probe", 0).source  # type: ignore[attr-defined]
    assert [answer.value for answer in source.ask().values()] == [3]
    wrong: list[tuple[dict[str, object], str]] = [
        ({}, "either file or command"),
        ({"file": "x", "command": ["./probe"]}, "either file or command"),
        ({"command": ["./prob"]}, "no program that may be run"),
        ({"command": "./probe"}, "list of texts"),
        ({"command": ["./probe"], "max_age_s": 3}, "is for a file"),
        ({"file": "x", "values": {}}, "at least one"),
        ({"file": "x", "shell": True}, "unknown key"),
    ]
    for keys, word in wrong:
        _, problems = read(tmp_path, **keys)
        assert any(word in problem for problem in problems), (keys, problems)
