from datetime import UTC, date, datetime
from zoneinfo import ZoneInfo

from alerts.rules.inputs import GivenUp, RegistryRevised
from collector.cli import main
from collector.commands.gaps import account
from collector.gaps import Gaps
from dashboards.ports import Completeness, DayOf, Gap, GapKind
from tests.collector.test_gaps import Story
from tests.collector.village import DEVICE, REGISTRY, SITE, settle

RIVER = ZoneInfo("Asia/Shanghai")


def save(gaps: Gaps, folder) -> None:
    (folder / "state" / "gaps.snapshot").write_bytes(b"\n".join(gaps.dump()))


def test_it_says_what_came_and_what_did_not(tmp_path, capsys):
    config = settle(tmp_path, "mqtt://127.0.0.1:1")
    story = Story()
    story.say(RegistryRevised(REGISTRY))
    story.read(0, 979)
    story.say(GivenUp(site=SITE, device=DEVICE, run="r", lo=980, hi=999, reason="space"))
    save(story.gaps, tmp_path)
    assert main(["device", f"{SITE}/{DEVICE}", "gaps", "--config", str(config)]) == 0
    said = capsys.readouterr().out
    assert "riverside/box: by the numbers of its readings" in said
    assert "device-space 20" in said
    assert "980-999" in said


def test_a_device_of_which_nothing_is_known_is_no_error(tmp_path, capsys):
    config = settle(tmp_path, "mqtt://127.0.0.1:1")
    assert main(["device", f"{SITE}/{DEVICE}", "gaps", "--config", str(config)]) == 0
    assert "nothing is known of it yet" in capsys.readouterr().out


def test_it_takes_no_further_words(tmp_path, capsys):
    config = settle(tmp_path, "mqtt://127.0.0.1:1")
    assert main(["device", f"{SITE}/{DEVICE}", "gaps", "now", "--config", str(config)]) == 2
    assert "gaps: takes no further words" in capsys.readouterr().err


def test_times_are_the_sites_and_what_is_not_whole_never_reads_whole():
    at = datetime(2026, 11, 25, 20, 0, tzinfo=UTC)
    day = DayOf(
        day=date(2026, 11, 26), got=99_999, lost={GapKind.UNKNOWN: 1}, waiting=0, share=0.99999
    )
    found = Completeness(
        site=SITE,
        device=DEVICE,
        numbered=True,
        interval_s=None,
        days=[day],
        gaps=[Gap(kind=GapKind.POWER_CUT, run="r", since=at)],
    )
    said = account("x/y", found, RIVER)
    assert "99.9 %" in said
    assert "2026-11-26 04:00:00" in said
    assert "not known" in said


def test_a_device_of_others_is_told_by_its_intervals():
    day = DayOf(day=date(2026, 11, 26), got=3, lost={GapKind.UNKNOWN: 1}, waiting=0, share=0.75)
    found = Completeness(
        site=SITE, device="plug", numbered=False, interval_s=300.0, days=[day], gaps=[]
    )
    said = account("x/plug", found, RIVER)
    assert "by intervals of 300 s" in said
    assert "75.0 %" in said
