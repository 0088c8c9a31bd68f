"""What a Pi's kernel tells, from a tree as it stands there, and what each machine lacks."""

import os
import random
from pathlib import Path

import pytest

from edge.contract.metrics import METRICS
from edge.contract.reading import ReadingClass
from edge.health.board import Board
from edge.health.card import Card, Written
from edge.health.modem import Modem, rssi_dbm
from edge.health.probe import Roots

THROTTLED = "sys/devices/platform/soc/soc:firmware/get_throttled"
PI = {
    "sys/class/thermal/thermal_zone0/type": "cpu-thermal",
    "sys/class/thermal/thermal_zone0/temp": "48850",
    THROTTLED: "0",
    "proc/loadavg": "0.04 0.10 0.08 1/120 4711",
    "proc/meminfo": "MemTotal:  437000 kB\nMemAvailable:     262144 kB",
    "proc/self/statm": "9000 5000 2000 1 0 3000 0",
}
DISK = "sys/devices/platform/soc/mmc_host/mmc0/mmc0:aaaa/block/mmcblk0"
PI_CARD = {
    f"{DISK}/stat": "  900 1 2 3  400 5 {sectors} 7 0 9 10 0 0 0 0",
    f"{DISK}/mmcblk0p2/partition": "2",
    f"{DISK}/mmcblk0p2/stat": "1 1 2 3 4 5 6 7 0 9 10",
}
SIGNAL = """
modem.signal.refresh.rate   : 60
modem.signal.cdma1x.rssi    : --
modem.signal.gsm.rssi       : --
modem.signal.lte.rssi       : -71.00
modem.signal.lte.rsrp       : -101.00
"""


def write(folder: Path, files: dict[str, str]) -> Roots:
    for name, text in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return Roots(folder / "sys", folder / "proc")


def card_of(folder: Path, tbw: float | None, mark: str = "", sectors: int = 0, boot: str = "a",
            more: dict[str, str] | None = None) -> tuple[Card, dict[str, float]]:  # fmt: skip
    """A card under the folder, after it was asked once."""
    files = {name: text.format(sectors=sectors) for name, text in PI_CARD.items()}
    files["proc/sys/kernel/random/boot_id"] = boot
    roots = write(folder, {**files, **(more or {})})
    device = os.stat(folder).st_dev
    link = folder / f"sys/dev/block/{os.major(device)}:{os.minor(device)}"
    link.parent.mkdir(parents=True, exist_ok=True)
    link.unlink(missing_ok=True)
    link.symlink_to(folder / DISK / "mmcblk0p2")
    card = Card(folder, tbw=tbw, mark=mark, roots=roots)
    return card, dict(card.ask())


def test_a_pi_tells_of_itself(tmp_path) -> None:
    told = dict(Board(write(tmp_path, PI)).ask())
    assert told.pop("cpu-load") <= 4
    assert told == {
        "cpu-temp": 48.85,
        "throttled": 0,
        "under-voltage": 0,
        "memory-free": 268,
        "agent-memory": pytest.approx(5000 * os.sysconf("SC_PAGE_SIZE") / 1e6),
    }


@pytest.mark.parametrize("missing", ["sys", "proc", *PI])
def test_what_a_machine_lacks_is_left_out(tmp_path, missing) -> None:
    files = {name: text for name, text in PI.items() if not name.startswith(missing)}
    told = dict(Board(write(tmp_path / "poor", files)).ask())
    whole = dict(Board(write(tmp_path / "whole", PI)).ask())
    assert told.items() < whole.items()


@pytest.mark.parametrize(
    ("bits", "throttled", "under"),
    [("0", 0, 0), ("1", 0, 1), ("2", 1, 0), ("4", 1, 0), ("8", 1, 0), ("50005", 1, 1)],
)
def test_the_firmware_s_bits_are_read(tmp_path, bits, throttled, under) -> None:
    told = dict(Board(write(tmp_path, {THROTTLED: bits})).ask())
    assert (told["throttled"], told["under-voltage"]) == (throttled, under)


def test_a_dip_between_two_looks_is_told_once(tmp_path) -> None:
    board = Board(write(tmp_path, {THROTTLED: "0"}))

    def under(bits: str) -> float:
        write(tmp_path, {THROTTLED: bits})
        return dict(board.ask())["under-voltage"]

    assert [under(bits) for bits in ("0", "10000", "10000", "10001", "10000")] == [0, 1, 0, 1, 0]


def test_a_supply_that_only_hwmon_watches_is_told_of(tmp_path) -> None:
    files = {"sys/class/hwmon/hwmon1/name": "rpi_volt", "sys/class/hwmon/hwmon0/name": "cpu_thermal",
             "sys/class/hwmon/hwmon1/in0_lcrit_alarm": "1"}  # fmt: skip
    assert dict(Board(write(tmp_path, files)).ask()) == {"under-voltage": 1}


def test_a_sensor_that_is_not_the_processor_s_is_not_taken_for_it(tmp_path) -> None:
    files = {"sys/class/thermal/thermal_zone0/type": "acpitz",
             "sys/class/thermal/thermal_zone0/temp": "20000"}  # fmt: skip
    assert dict(Board(write(tmp_path, files)).ask()) == {}


def test_garbled_files_of_the_kernel_give_nothing_invented(tmp_path) -> None:
    chance = random.Random(3)
    for _ in range(200):
        files = {name: "".join(chance.choices("0189-x \n:", k=9)) for name in PI}
        board = Board(write(tmp_path, files))
        try:
            told = dict(board.ask())
        except (ValueError, IndexError):
            continue  # which a round counts as telling nothing
        assert told.keys() <= METRICS.keys()


def test_an_emmc_tells_its_wear_itself(tmp_path) -> None:
    _, told = card_of(tmp_path, None, more={f"{DISK}/device/life_time": "0x01 0x03"})
    assert told["card-wear"] == 30
    _, told = card_of(tmp_path, 20.0, more={f"{DISK}/device/life_time": "0x0b 0x01"})
    assert told["card-wear"] == 100
    assert told["disk-free"] > 0


def test_a_card_without_a_known_endurance_tells_no_wear(tmp_path) -> None:
    card, told = card_of(tmp_path, None, sectors=10**9)
    assert set(told) == {"disk-free"}
    assert card.mark == ""


def test_writes_add_up_over_restarts_and_reboots_and_begin_anew_with_another_card(tmp_path) -> None:
    """At 1 TB of endurance, 19,531,250 sectors are 1 %."""
    percent = 19_531_250
    card, told = card_of(tmp_path, 1.0, sectors=percent)
    assert told["card-wear"] == pytest.approx(1)
    card, told = card_of(tmp_path, 1.0, card.mark, sectors=3 * percent)  # the same boot
    assert told["card-wear"] == pytest.approx(3)
    card, told = card_of(tmp_path, 1.0, card.mark, sectors=percent, boot="b")
    assert told["card-wear"] == pytest.approx(4)
    another = {f"{DISK}/device/cid": "1b534d"}
    card, told = card_of(tmp_path, 1.0, card.mark, sectors=percent, boot="b", more=another)
    assert told["card-wear"] == pytest.approx(1)
    assert Written.parse(card.mark).card == "1b534d"


@pytest.mark.parametrize("mark", ["", "{", "[]", "[1,2]", '["a","b","c","d"]', "null"])
def test_a_garbled_mark_of_the_card_begins_anew(mark) -> None:
    assert Written.parse(mark) == Written(card="", boot="")


def test_a_file_system_on_no_disk_tells_its_room_only(tmp_path) -> None:
    assert set(dict(Card(tmp_path, tbw=1.0, roots=Roots(tmp_path, tmp_path)).ask())) == {
        "disk-free"
    }


def script(folder: Path, body: str) -> str:
    path = folder / "mmcli"
    path.write_text(f"#!/bin/sh\n{body}\n")
    path.chmod(0o755)
    return str(path)


def test_a_modem_tells_its_strength(tmp_path) -> None:
    path = script(tmp_path, f'[ "$1 $2" = "-m any" ] && cat <<"END"{SIGNAL}END')
    modem = Modem.found(path)
    assert modem is not None
    assert dict(modem.ask()) == {"signal": -71}


@pytest.mark.parametrize(
    "said", ["", "error: couldn't find modem", "modem.signal.lte.rssi : --", "\0\xff:::\n::"]
)
def test_a_modem_that_knows_no_strength_tells_none(tmp_path, said) -> None:
    assert rssi_dbm(said) is None


def test_a_modem_command_that_fails_or_is_not_there_tells_nothing(tmp_path) -> None:
    path = script(tmp_path, f'cat <<"END"{SIGNAL}END\nexit 1')
    assert dict(Modem(path).ask()) == {}
    assert Modem.found(str(tmp_path / "none")) is None
    assert Modem.found("no-such-program-anywhere") is None


def test_every_metric_of_health_has_names_in_both_languages() -> None:
    for metric in METRICS.values():
        if metric.cls is ReadingClass.HEALTH:
            assert metric.zh, metric.name
            assert metric.en, metric.name


def test_the_document_lists_each_metric_of_health() -> None:
    text = (Path(__file__).resolve().parents[3] / "docs/device-health.md").read_text("utf-8")
    others = {"battery", "clock-offset"}  # of a sensor; of the clock
    for metric in METRICS.values():
        is_own = metric.cls is ReadingClass.HEALTH and not metric.by_house
        if is_own and metric.name not in others:
            assert f"\n| `{metric.name}` |" in text
