"""Every verb by its words: what it says and its exit code, and what it leaves alone."""

import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from alerts.notify.browsers import Subscription
from alerts.packs import shipped
from alerts.rules.inputs import Tick
from alerts.rules.packs import read_packs
from alerts.rules.transition import Change
from alerts.store.operations import Operations
from collector.cli import VERBS, main
from collector.demo import scenario
from collector.records import row
from edge.journal.journal import Journal
from edge.journal.rows import DeadLetter
from tests.collector.test_desk import RAISED
from tests.collector.village import settle

COMMUNITY = str(scenario.COMMUNITY)
TABLE = ["replay", "--csv", "t.csv", "--community", COMMUNITY, "--site", scenario.SITE]
RIVER = [*TABLE, "--device", "laobakou-01"]
COND = ["--column", "cond=laobakou/conductivity"]
BAD_PACK = """
[[rule]]
id = "x"
"""


SMS = """
[[people]]
id = "li"
site = "riverside"
name = "李"
role = "community"
addresses = [{ channel = "sms", to = "13800001111" }]
"""
HANS = """
[[people]]
id = "hans"
site = "riverside"
name = "Hans"
role = "community"
addresses = [{ ADDRESS }]
"""


@pytest.fixture
def bare(tmp_path, monkeypatch) -> Path:
    """A folder with some files in it, and no cell."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "good.toml").write_text('cell = "c"\n[desk]\nport = 1\n')
    (tmp_path / "bad.toml").write_text('cell = "No Id"\n[desk]\nport = 99999\nhost = "0.0.0.0"\n')
    (tmp_path / "pack.toml").write_text(BAD_PACK)
    (tmp_path / "places.toml").write_text('[[place]]\nid = "p"\nsite = "nowhere"\nkind = "x"\n')
    (tmp_path / "used").mkdir()
    (tmp_path / "used" / "x").touch()
    (tmp_path / "t.csv").write_text("at,cond\n2026-11-22T08:00Z,400\n")
    (tmp_path / "when.csv").write_text("at,cond\nyesterday,400\n")
    return tmp_path


@pytest.fixture
def cell(bare) -> Path:
    """A village with one incident, a journal, and a dead letter with a terminal's words in it."""
    settle(bare, "mqtt://127.0.0.1:1")
    with Operations(f"sqlite:///{bare / 'state' / 'operations.db'}") as operations:
        reached = Subscription(endpoint="https://push.example/secret", p256dh=b"", auth=b"")
        operations.keep_browser("mei", reached, "Chrome · Windows", datetime.now(UTC))
        operations.take([RAISED], read_packs(shipped()), datetime.now(UTC))
    with Journal(bare / "state" / "journal.db") as journal:
        journal.append([row(at_ms, Tick()) for at_ms in range(3)])
        letter = DeadLetter(topic="a/b", reason="no reading", raw=b"\x1b[31mred", at_ms=0, count=4)
        journal.bury([letter])
        journal.commit()
    return bare


Say = Callable[[Sequence[str]], tuple[int, str]]


@pytest.fixture
def say(capsys) -> Say:
    def run(words: Sequence[str]) -> tuple[int, str]:
        try:
            code = main(words)
        except SystemExit as end:  # argparse
            code = int(end.code or 0)
        told = capsys.readouterr()
        return code, told.out + told.err

    return run


BARE = [
    ([], 2, ["usage: shouwang VERB", *VERBS]),
    (["--help"], 0, ["usage: shouwang VERB", *VERBS]),
    (["--version"], 0, ["shouwang "]),
    (["dance"], 2, ["there is no verb 'dance'", "usage: shouwang VERB"]),
    *(([verb, "--help"], 0, [f"usage: shouwang {verb}"]) for verb in VERBS),
    (["check"], 0, ["4 rule packs: 0 errors, 0 warnings"]),
    (["check", "--config", "good.toml", COMMUNITY], 0, ["good.toml", "0 errors"]),
    (["check", "--config", "none.toml"], 2, ["none.toml: cannot be read", "1 error,"]),
    (
        ["check", "--config", "bad.toml", "places.toml", "--packs", "pack.toml", "none"],
        2,
        ["bad.toml: cell", "bad.toml: desk.port", "bad.toml: desk.host", "places.toml", "pack.toml",
         "none: cannot be read"],
    ),
    (["import", "places.toml"], 2, ["places.toml"]),
    (["import", "none"], 2, ["none"]),
    (["why", "1"], 2, ["there is no operations database in", "--config"]),
    (["export", "out"], 2, ["there is no operations database in", "--config"]),
    (["export", "t.csv"], 2, ["is no folder"]),
    (["replay"], 2, ["there is no journal in", "--config"]),
    (["replay", "--journal", "none.db"], 2, ["none.db: there is no journal", "--journal"]),
    (["replay", "--rules", "pack.toml"], 2, ["pack.toml"]),
    (["replay", "--rules", "none.toml"], 2, ["none.toml: cannot be read"]),
    (["deadletter", "list"], 2, ["there is no journal in", "--config"]),
    (["device", "list"], 2, ["there is no operations database in", "--config"]),
    (["device", "a/b", "on", "relay-1"], 2, ["there is no 'on': power comes back by a person"]),
    (["device", "a/b", "dance"], 2, ["there is no 'dance'; use one of: settings"]),
    (["device", "a/b", "off"], 2, ["off: name one output of the device, an id"]),
    (["device", "a/b", "reset", "No Id"], 2, ["reset: name one guard of the device, an id"]),
    (["device", "a/b", "set", "x"], 2, ["set: 'x': write KEY=VALUE"]),
    (["device", "a/b", "set"], 2, ["set: write KEY=VALUE"]),
    (["device", "a/b", "announce"], 2, ["announce: write what to say"]),
    (["device", "a/b", "off", "x", "--wait", "0"], 2, ["--wait 0"]),
    (["device", "list", "off", "x"], 2, ["list stands alone"]),
    (["deadletter", "burn"], 2, ["invalid choice"]),
    (["replay", "--csv", "t.csv"], 2,
     ["--community: is needed", "--site: is needed", "--device: is needed", "--column: is needed"]),
    ([*RIVER, "--column", "cond"], 2, ["--column 'cond': write NAME=PLACE"]),
    ([*TABLE, "--device", "x", *COND], 2, ["--device x: is no device of"]),
    ([*RIVER, "--column", "oops=laobakou/conductivity"], 2, ["t.csv", "oops"]),
    ([*RIVER, *COND, "--csv", "when.csv"], 2, ["when.csv", "yesterday"]),
    ([*RIVER, *COND, "--csv", "none.csv"], 2, ["none.csv"]),
    ([*RIVER, *COND], 0, []),
    (["demo", "--speed", "0"], 2, ["--speed 0: from 1 to 400"]),
    (["demo", "--speed", "401"], 2, ["--speed 401: from 1 to 400"]),
    (["demo", "--port", "0"], 2, ["--port 0: a port lies between"]),
    (["demo", "--data", "used"], 2, ["--data used: is not empty"]),
    (["demo", "--store", "influx"], 2, ["--store influx: needs --influx-url"]),
    (["demo", "--mqtt-user", "me"], 2, ["--mqtt-url"]),
    (["demo", "--mqtt-url", "mqtt://x", "--mqtt-password", "pw"], 2,
     ["needs --mqtt-user", "write a reference, env:NAME or file:PATH"]),
    (["demo", "--mqtt-url", "mqtt://x", "--mqtt-user", "env:SHOUWANG_NOT_SET"], 2,
     ["--mqtt-user env:SHOUWANG_NOT_SET: the variable is not set"]),
    (["serve", "--config", "bad.toml"], 2, ["bad.toml: cell"]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("words", "code", "told"), BARE, ids=[" ".join(words)[:60] for words, _, _ in BARE]
)
def test_without_a_cell(bare, say, words, code, told):
    before = sorted(bare.rglob("*"))
    got, text = say(words)
    assert got == code, text
    assert [part for part in told if part not in text] == [], text
    assert "Traceback" not in text
    assert sorted(bare.rglob("*")) == before, "it has made something"


CELL = [
    (["why", "1"], 0, ["#1 riv-do-low", "梅", "原因", "浏览器（Chrome · Windows）  待发"]),
    (
        ["why", "1", "mei", "--lang", "en"],
        0,
        ["梅", "reason", "browser (Chrome · Windows)  waiting"],
    ),
    (["why", "9"], 2, ["there is no incident 9", "has the numbers"]),
    (["why", "1", "nobody"], 2, ["'nobody' was not considered", "considered were:", "mei"]),
    (["why", "1", "--lang", "en"], 0, ["· Nobody has it"]),
    (["device", "list"], 0, ["riverside/box", "not heard", "is `shouwang serve` running?"]),
    (["device", "riverside/box", "settings"], 0, ["wished: nothing", "reported: nothing"]),
    (["device", "riverside/nobody"], 2, ["registered are: riverside/box"]),
    (["device", "riverside/box", "off", "x", "--yes"], 2, ["has no command_key"]),
    (
        ["device", "riverside/box", "set", "a=1", "b=x", "--wait", "0.2"],
        3,
        ["revision 1 stands", "is `shouwang serve` running?"],
    ),
    (
        ["device", "riverside/box", "set", "a=", "--wait", "0.2"],
        2,
        ["there is nothing to take back"],
    ),
    (["deadletter", "list"], 0, ["4", "a/b", "no reading", "?[31mred"]),
    (["replay", "--lang", "en"], 0, ["0 transitions; 0 as they did ring"]),
    (
        ["replay", "--journal", "state/journal.db", "--config", "good.toml", "--lang", "en"],
        0,
        ["0 transitions"],
    ),
]


@pytest.mark.parametrize(
    ("words", "code", "told"), CELL, ids=[" ".join(words)[:60] for words, _, _ in CELL]
)
def test_in_a_cell(cell, say, words, code, told):
    got, text = say(words)
    assert got == code, text
    assert [part for part in told if part not in text] == [], text
    assert "\x1b" not in text


def test_who_asks_at_a_terminal_needs_none_of_the_watchs_secrets(cell, say):
    (cell / "shouwang.toml").write_text(
        'cell = "riverside"\nstate = "state"\n[mqtt]\npassword = "env:NOT_HERE"\n'
        '[store]\nkind = "influx"\nurl = "http://127.0.0.1:9"\ntoken = "env:NOT_HERE"\n'
        '[mail]\nhost = "mail.example"\npassword = "env:NOT_HERE"\n'
        '[aliyun]\naccess_key_id = "env:NOT_HERE"\naccess_key_secret = "env:NOT_HERE"\n'
    )
    for words in (["why", "1"], ["device", "list"], ["deadletter", "list"], ["export", "out"]):
        code, text = say(words)
        assert code == 0, text
    code, text = say(["check"])
    assert code == 2
    assert text.count("NOT_HERE") == 5, text


def test_why_tells_the_time_of_the_place(cell, say, monkeypatch):
    monkeypatch.setenv("TZ", "America/Lima")
    time.tzset()
    try:
        code, text = say(["why", "1", "mei"])
    finally:
        monkeypatch.undo()
        time.tzset()
    with Operations(f"sqlite:///{cell / 'state' / 'operations.db'}") as operations:
        notice = next(one for one in operations.notices(incident=1) if one.person == "mei")
        times = [operations.considered(1, "mei")[0].at, notice.created_at]
    here = [at.astimezone(ZoneInfo("Asia/Shanghai")).strftime("%m-%d %H:%M:%S") for at in times]
    assert (code, [at for at in here if at not in text]) == (0, []), text
    sent = [line for line in text.splitlines() if notice.title in line]
    assert all(line.startswith(here[1]) for line in sent)


@pytest.mark.parametrize(
    ("address", "behind", "told"),
    [
        ('channel = "wecom", to = "env:THERE", group = true', "", "env:THERE: the variable is not"),
        ('channel = "sms", to = "13800001111", secret = "env:THERE"', "", "env:THERE: the variable"),
        ('channel = "feishu", to = "env:THERE", group = true', "geheim", "no scheme; write https://"),
        ('channel = "webhook", to = "http://10.0.0.9:8080/x"', "",
         "10.0.0.9: not a public address; list '10.0.0.9:8080' under 'allow'"),
        ('channel = "ntfy", to = "env:THERE", secret = "env:HOME"', "https://u:geheim@ntfy.cn/topic",
         "a password in the URL beside a token; keep one"),
        ('channel = "webhook", to = "http://10.0.0.8:8080/x"', "", ""),
        ('channel = "wecom", to = "env:THERE @zhang", group = true', "https://wecom.cn/?key=geheim", ""),
    ],
)  # fmt: skip
def test_an_address_that_leads_nowhere_is_named_before_it_is_needed(
    cell, say, monkeypatch, address, behind, told
):
    if behind:
        monkeypatch.setenv("THERE", behind)
    (cell / "village").mkdir()
    assert say(["export", "village"])[0] == 0
    people = cell / "village" / "people.toml"
    people.write_text(people.read_text() + HANS.replace("ADDRESS", address))
    settings = cell / "good.toml"
    settings.write_text(settings.read_text() + '\n[notices]\nallow = ["10.0.0.8:8080"]\n')
    code, text = say(["check", "--config", "good.toml", "village"])
    assert code == 0, text
    assert "geheim" not in text
    if told:
        assert f"people[hans].addresses[1]: {told}" in text
    else:
        assert "people[hans]" not in text


def test_an_address_on_a_channel_that_is_not_set_up_is_named(cell, say):
    (cell / "village").mkdir()
    assert say(["export", "village"])[0] == 0
    people = cell / "village" / "people.toml"
    people.write_text(people.read_text() + SMS)
    told = "people: sms is not set up, so it does not reach li;"
    code, text = say(["check", "--config", "good.toml", "village"])
    assert (code, told in text) == (0, True), text
    (cell / "shouwang.toml").unlink()
    assert told not in say(["check", "village"])[1], "no settings, so nothing is known of them"


def test_whoever_reads_only_the_beginning_sees_no_traceback(cell):
    with subprocess.Popen(
        [sys.executable, "-m", "collector.cli", "--help"],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as reader:
        assert reader.stdout is not None
        reader.stdout.close()
        _, told = reader.communicate(timeout=30)
    assert told == b""


def test_a_journal_from_elsewhere_is_replayed_without_a_database(cell, say):
    (cell / "state" / "operations.db").unlink()
    code, text = say(["replay", "--journal", "state/journal.db", "--lang", "en"])
    assert code == 0, text
    assert "as they did ring" not in text
    assert not (cell / "state" / "operations.db").exists()


def test_why_says_who_was_reminded_and_that_a_volunteer_never_is(cell, say):
    begin = datetime.now(UTC)
    cleared = replace(RAISED, position=RAISED.position + 1, change=Change.CLEARED)
    with Operations(f"sqlite:///{cell / 'state' / 'operations.db'}") as operations:
        operations.take([cleared], read_packs(shipped()), begin)
        for minutes in range(0, 24 * 60, 15):
            operations.remind(begin + timedelta(minutes=minutes))
    assert "不提醒：志愿者自愿来，不催" in say(["why", "1", "mei"])[1]
    assert "Not reminded: a volunteer never is" in say(["why", "1", "--lang", "en"])[1]


def test_reading_does_not_migrate_an_empty_database(bare, say):
    (bare / "state").mkdir()
    path = bare / "state" / "operations.db"
    path.touch()
    code, text = say(["why", "1"])
    assert (code, "of another version" in text) == (2, True)
    with Operations(f"sqlite:///{path}") as operations:
        assert not operations.is_set_up()


def test_what_was_imported_and_exported_is_no_news_when_imported_again(bare, say):
    code, first = say(["import", COMMUNITY, "--who", "mei"])
    assert code == 0
    assert "revision 1: 1 site(s)" in first
    code, paths = say(["export", "out"])
    assert code == 0
    assert all(Path(path).is_file() for path in paths.splitlines())
    assert say(["check", "out"])[0] == 0
    assert say(["import", "out", "--who", "mei"]) == (0, first)
