"""A new version proves itself, or the one before is put back: through crashes, silence, power cuts."""

import shutil
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest

from tests.edge import box as kinds
from tests.edge.box import ROOT, Box, Init
from tests.edge.device import Device, Server, wait_until


@pytest.fixture
def box(tmp_path: Path) -> Box:
    box = Box(tmp_path)
    box.add("one", kinds.GOOD)
    box.versions.begin("one")
    return box


@pytest.fixture
def init(box: Box) -> Iterator[Init]:
    init = Init(box)
    init.boot()
    wait_until(lambda: init.running() == "one", "the old version runs")
    yield init
    init.cut_power()


def begin(box: Box, init: Init, run: str) -> None:
    """The new version `two` is on trial and runs."""
    box.add("two", run)
    done = box.upgrade("two")
    assert done.returncode == 0, done.stderr
    assert "two is on trial" in done.stdout
    wait_until(lambda: "two run " in "\n".join(box.said()), "the new version is started")


def holds(path: Path, text: str) -> bool:
    return text in path.read_text()


def is_over(box: Box, init: Init) -> bool:
    return not (box.root / "trial").exists() and not init.is_judging


def test_a_version_that_reports_is_kept(box: Box, init: Init) -> None:
    begin(box, init, kinds.LATE)
    wait_until(lambda: is_over(box, init), "the trial is over")
    assert (box.versions.current, box.versions.previous) == ("two", "one")
    assert init.running() == "two"
    assert box.versions.rolled_back() is None
    assert f"two check {box.config}" in box.said()


@pytest.mark.parametrize(
    ("run", "why"),
    [
        (kinds.SILENT, "nothing of it reached the server within 2 s"),
        (kinds.CRASHING, "nothing of it reached the server within 2 s"),
        (kinds.UNUSABLE, "nothing of it reached the server within 2 s"),
        (kinds.FLAPPING, "it reported, but did not go on"),
    ],
    ids=["silent", "crashes at start", "exits with 2", "reports and crashes"],
)
def test_a_version_that_does_not_prove_itself_is_rolled_back(
    box: Box, init: Init, run: str, why: str
) -> None:
    begin(box, init, run)
    wait_until(lambda: is_over(box, init), "the trial is over")
    assert box.versions.current == "one"
    wait_until(lambda: init.running() == "one", "the old version runs again")
    failed = box.versions.rolled_back()
    assert failed is not None
    assert (failed.new, failed.old, failed.reason) == ("two", "one", why)
    assert f"two: {why}; one is put back" in (box.root / "judged").read_text()


def test_a_report_of_the_old_version_proves_nothing(box: Box, init: Init) -> None:
    begin(box, init, kinds.GOOD.replace("$name", "one"))
    wait_until(lambda: is_over(box, init), "the trial is over")
    assert box.versions.current == "one"


def test_a_power_cut_within_the_trial_begins_it_anew(box: Box, init: Init) -> None:
    begin(box, init, kinds.SILENT)
    wait_until(lambda: init.is_judging, "the judge is there")
    init.cut_power()
    assert box.versions.current == "two"
    init.boot()
    wait_until(lambda: is_over(box, init), "the trial is over")
    assert box.versions.current == "one"
    wait_until(lambda: init.running() == "one", "the old version runs again")


def test_power_cuts_are_no_excuse_for_ever(box: Box, init: Init) -> None:
    begin(box, init, kinds.SILENT)
    for starts in (1, 2, 3):
        counted = f'"starts": {starts}'
        wait_until(partial(holds, box.root / "trial", counted), "judging has begun")
        init.cut_power()
        init.boot()
    wait_until(lambda: is_over(box, init), "the trial is over", seconds=kinds.WITHIN_S)
    failed = box.versions.rolled_back()
    assert failed is not None
    assert failed.reason == "it has not reported in 3 starts of the box"


def test_a_power_cut_before_the_switch_is_no_trial(box: Box, init: Init) -> None:
    box.add("two", kinds.GOOD)
    init.cut_power()
    (box.root / "trial").write_text('{"old": "one", "new": "two", "starts": 0}')
    (box.root / "previous").symlink_to("versions/one")
    init.boot()
    wait_until(lambda: is_over(box, init), "the trial is over")
    assert box.versions.current == "one"
    wait_until(lambda: init.running() == "one", "the old version runs")
    assert box.versions.rolled_back() is None


def test_a_version_on_trial_is_not_upgraded(box: Box, init: Init) -> None:
    begin(box, init, kinds.SILENT)
    box.add("three", kinds.GOOD)
    done = box.upgrade("three")
    assert done.returncode == 2
    assert "on trial; wait" in done.stderr


@pytest.mark.parametrize(
    ("check", "complaint"),
    [("echo 'edge.toml: mqtt.url: is gone'; exit 2", "mqtt.url: is gone"), ("exit 127", "127")],
)
def test_a_version_that_does_not_understand_the_configuration_is_not_tried(
    box: Box, init: Init, check: str, complaint: str
) -> None:
    box.add("two", kinds.GOOD, check=check)
    done = box.upgrade("two")
    assert done.returncode == 2
    assert complaint in done.stderr
    assert (box.versions.current, box.versions.trial()) == ("one", None)
    assert init.running() == "one"


def test_the_check_sees_what_the_service_would(box: Box, init: Init) -> None:
    box.config.with_suffix(".env").write_text("# for the broker\nSECRET='a b'\n")
    box.add("two", kinds.GOOD, check='test "$SECRET" = "a b"; exit $?')
    assert box.upgrade("two").returncode == 0


def test_a_version_that_was_half_made_when_the_power_failed_is_none(box: Box, init: Init) -> None:
    box.add("two", kinds.GOOD)
    (box.versions.path("two") / "ready").unlink()
    assert box.upgrade("two").returncode == 2
    assert box.versions.names() == ["one"]
    assert init.running() == "one"


def test_a_first_version_of_which_the_power_left_half_can_be_made_again(tmp_path: Path) -> None:
    box = Box(tmp_path)
    box.add("one", kinds.GOOD)
    (box.root / ".current").symlink_to("versions/one")  # the rename did not happen any more
    box.versions.begin("one")
    assert box.versions.current == "one"


def test_what_is_no_version_is_refused_with_those_there_are(box: Box, init: Init) -> None:
    done = box.upgrade("nine.whl")
    assert done.returncode == 2
    assert "name the file shouwang-...whl, or a version that is there: one" in done.stderr


def test_a_full_disk_leaves_the_old_version_running(box: Box, init: Init, tmp_path: Path) -> None:
    wheel = tmp_path / "shouwang-9.9.9-py3-none-any.whl"
    wheel.write_bytes(b"never read")
    small = tmp_path / "small"
    small.mkdir()
    shutil.copytree(box.root, tmp_path / "copy", symlinks=True)
    script = (
        f"mount -t tmpfs -o size=2m tmpfs {small} && cp -a {tmp_path}/copy/. {small}/ && "
        f"{sys.executable} -m edge.cli upgrade {wheel} --root {small} --config {box.config}; "
        f"echo code $?; readlink {small}/current; ls -A {small} {small}/versions"
    )
    done = subprocess.run(
        ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script],
        env=box.environment(), cwd=ROOT, capture_output=True, text=True, timeout=60,
    )  # fmt: skip
    if "unshare failed" in done.stderr or "mount:" in done.stderr:
        pytest.skip(f"no small disk to be had here: {done.stderr}")
    assert "see that the disk has room" in done.stderr
    said = done.stdout.splitlines()
    assert said[:2] == ["code 3", "versions/one"]
    assert "trial" not in said
    assert said[said.index(f"{small}/versions:") + 1 :] == ["one"]


@pytest.mark.mosquitto
def test_the_agent_says_that_it_reports_once_the_server_has_named_a_reading(
    mosquitto_server, tmp_path: Path
) -> None:
    broker = mosquitto_server()
    server = Server(broker.host, broker.port)
    device = Device(folder=tmp_path, url=broker.url)
    runtime = tmp_path / "run"
    runtime.mkdir()
    try:
        server.is_silent = True
        device.write(
            '[[sensor]]\nkind = "simulated"\nname = "air"\nplace = "shed-1"\n'
            'metrics = ["shed-temp"]\ninterval_s = 1\n',
            resend_s=1,
        )
        device.start({"RUNTIME_DIRECTORY": str(runtime)})
        wait_until(lambda: "the server listens" in (tmp_path / "log").read_text(), "the link")
        assert not (runtime / "reported").exists()
        server.is_silent = False
        wait_until((runtime / "reported").exists, "its word for the judge")
        version, run = (runtime / "reported").read_text().split()
        assert version == Path(sys.prefix).name
        assert run in server.seqs()
    finally:
        device.discard()
        server.close()
