"""`shouwang replay` on a recorded week: on the table, the store and the journal, beside what did ring."""

import json
import re
import shlex
from datetime import UTC, datetime
from pathlib import Path

import pytest

from alerts.packs import shipped
from alerts.registry.toml import read
from alerts.replay import entries_of
from alerts.rules.packs import read_packs
from alerts.store.operations import Operations
from collector import records
from collector.cli import main
from collector.demo import scenario
from collector.trial.sources import table_readings
from collector.trial.text import WIDTH
from edge.journal.journal import Journal
from tests.collector.trial import cell

# What rang in reality: a rise of 300, so two of the five of the shipped 100.
CALMER = {
    **shipped(),
    "river.toml": shipped()["river.toml"].replace("rise = 100.0", "rise = 300.0", 1),
}
JANUARY = ["2019-01-17T19:00", "2019-01-18T06:45", "2019-01-18T15:15", "2019-01-21T11:30"]
JANUARY += ["2019-01-21T18:15"]
ONLY = ["--only", "riv-cond-rise"]


@pytest.fixture(scope="module")
def home(tmp_path_factory) -> Path:
    """A cell with the week in its store, and with what the calmer rules said as incidents."""
    folder = tmp_path_factory.mktemp("cell")
    cell.settle(folder, cell.week(CALMER))
    return folder


@pytest.fixture
def replay(tmp_path, capsys):
    """Run it; exit code, the JSON, and what was printed, as one line."""

    def run(*words: str) -> tuple[int, dict, str]:
        path = tmp_path / "out.json"
        code = main(["replay", *words, "--json", str(path)])
        said = capsys.readouterr()
        found = json.loads(path.read_text("utf-8")) if path.exists() else {}
        return code, found, " ".join((said.out + said.err).split())

    return run


@pytest.fixture
def stored(home, replay):
    return lambda *words: replay("--config", str(home / "shouwang.toml"), *words)


def rang(found: dict) -> list[str]:
    return [one["rang"][:16] for one in found["episodes"] if one["rule"] == "riv-cond-rise"]


def test_the_store_rings_as_the_table_of_the_same_week_does(stored, replay):
    code, table, _ = replay(*cell.TABLE, *cell.WEEK)
    assert code == 0
    code, store, _ = stored(*cell.WEEK)
    assert code == 0
    assert rang(table) == rang(store) == JANUARY
    assert (table["source"]["kind"], store["source"]["kind"]) == ("csv", "store")
    assert store["from"] == "2019-01-17T00:00:00+08:00"


def test_it_stands_beside_what_did_ring(stored):
    code, found, text = stored(*cell.WEEK, "--lang", "en")
    assert code == 0
    (rule,) = (one for one in found["rules"] if one["rule"] == "riv-cond-rise")
    assert (rule["would"]["rang"], rule["did"]["rang"]) == (5, 2)
    assert (rule["both"], rule["new"], rule["gone"]) == (2, 3, 0)
    marks = [bool(one["incidents"]) for one in found["episodes"] if one["rule"] == rule["rule"]]
    assert marks == [True, False, False, False, True]
    assert "In reality it rang twice: 2 found again, 0 would be gone; 3 would be new." in text
    # The other devices have no reading in the store, so it cannot say that they were silent.
    assert "6 more that rang in reality cannot be told from these readings" in text


def test_a_calmer_number_would_lose_what_did_ring(stored):
    words = [*ONLY, "--set", "riv-cond-rise.rise=500", *cell.WEEK]
    code, found, text = stored(*words, "--against", "shipped", "--lang", "en")
    assert code == 0
    (rule,) = found["rules"]
    assert (rule["would"]["rang"], rule["against"]["rang"], rule["did"]["rang"]) == (1, 5, 2)
    assert (rule["both"], rule["new"], rule["gone"]) == (1, 0, 1)
    (gone,) = found["only_in_reality"]
    assert (gone["rang"][:13], gone["false_alarm"]) == ("2019-01-21T18", False)
    assert found["settings"] == [{"rule": "riv-cond-rise", "key": "rise", "value": 500.0}]
    assert "With the other rules (shipped) it is 5 times." in text


def test_a_false_alarm_that_would_be_gone_is_told(home, stored):
    with Operations(f"sqlite:///{home / 'state' / 'operations.db'}") as operations:
        (one,) = (i for i in operations.incidents() if i.rule == "riv-cond-rise")
        operations.false_alarm(one.id, "zhang", "a visit", "test", datetime.now(UTC))
    words = [*ONLY, "--set", "riv-cond-rise.rise=500", *cell.WEEK, "--lang", "en"]
    _, found, text = stored(*words)
    assert found["only_in_reality"][0]["false_alarm"] is True
    assert "people had judged 1 a false alarm" in text


def test_what_had_begun_before_is_told_apart_from_what_began(stored):
    code, found, text = stored(
        *ONLY, "--from", "2019-01-17T20:00", "--to", "2019-01-18", "--lang", "en"
    )
    assert code == 0
    (one,) = found["episodes"]
    assert (one["carried"], one["rang"][:16]) == (True, "2019-01-17T19:00")
    would = found["rules"][0]["would"]
    assert (would["rang"], would["carried"], would["night"]) == (0, 1, 0)
    assert "1 more had begun before and went on." in text


def test_the_warm_up_decides_what_is_known_at_the_beginning(stored):
    """Fed from there on only, the rule has no base to rise from."""
    words = [*ONLY, "--from", "2019-01-17T18:50", "--to", "2019-01-17T20:00"]
    assert rang(stored(*words)[1]) == ["2019-01-17T19:00"]
    code, cold, text = stored(*words, "--warm-up", "0s", "--lang", "en")
    assert (code, rang(cold)) == (0, [])
    assert "Nothing was read before the span" in text


def test_a_device_that_is_in_the_store_is_heard_and_missed(stored):
    """It says nothing more after the 24th: its silence begins then, and that of no other device."""
    code, found, _ = stored("--only", "riv-offline", "--from", "2019-01-17", "--to", "2019-02-01")
    assert code == 0
    (one,) = found["episodes"]
    assert (one["subject"], one["rang"][:10]) == ("device:linjiang/laobakou-01", "2019-01-24")
    assert one["over"] is None
    assert found["rules"][0]["would"]["still_on"] == 1


def test_the_journal_rings_with_its_times_of_arrival(tmp_path, replay, home):
    """Where it reaches back far enough it is taken; where it does not, the store is, and it says so."""
    path = tmp_path / "journal.db"
    community = read(scenario.COMMUNITY)
    rows = table_readings([cell.RIVER], cell.mapping())
    entries = entries_of(
        rows, community, shipped(), since_ms=rows[0].at_ms, known={(cell.SITE, cell.DEVICE)}
    )
    with Journal(path) as journal:
        journal.append([records.row(entry.at_ms, entry.what) for entry in entries])
        journal.commit()
    code, found, text = replay("--journal", str(path), *ONLY, *cell.WEEK, "--lang", "en")
    assert code == 0
    assert rang(found) == JANUARY
    assert found["source"]["kind"] == "journal"
    assert found["rules"][0]["did"] is None, "no database stands beside it"
    assert "as they came then, in their order" in text
    config = str(home / "shouwang.toml")
    (home / "state" / "journal.db").write_bytes(path.read_bytes())
    try:
        kinds = []
        for words in ([*ONLY, "--warm-up", "1h"], ONLY, [*ONLY, "--source", "store"]):
            day = ["--from", "2019-01-17T03:00", "--to", "2019-01-24"]
            _, found, text = replay("--config", config, *words, *day, "--lang", "en")
            kinds.append(found["source"]["kind"])
            if words == ONLY:
                assert "The journal begins at 17 Jan 2019 01:00, so the store is used." in text
        assert kinds == ["journal", "store", "store"]
    finally:
        (home / "state" / "journal.db").unlink()


def test_several_tables_are_one(tmp_path, replay):
    lines = cell.RIVER.read_text("utf-8").splitlines(keepends=True)
    parts = [tmp_path / "b.csv", tmp_path / "a.csv"]
    parts[0].write_text("".join([lines[0], *lines[300:]]), "utf-8")
    parts[1].write_text("".join(lines[:300]), "utf-8")
    words = [*cell.TABLE[2:], "--csv", *map(str, parts)]
    assert rang(replay(*words)[1]) == JANUARY


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_terminal_has_eighty_columns_and_obeys_no_strangers_words(
    tmp_path, capsys, lang: str
) -> None:
    from rich.cells import cell_len

    community = tmp_path / "community"
    community.mkdir()
    for path in scenario.COMMUNITY.glob("*.toml"):
        text = path.read_text("utf-8").replace("老坝口河段", "老\\u001b[31m坝口")
        (community / path.name).write_text(text, "utf-8")
    words = [str(community) if word == str(scenario.COMMUNITY) else word for word in cell.TABLE]
    assert main(["replay", *words, "--lang", lang]) == 0
    text = capsys.readouterr().out
    assert "\x1b" not in text
    assert [line for line in text.splitlines() if cell_len(line) > WIDTH] == []


def test_it_says_who_would_have_been_woken(tmp_path, replay):
    """Smoke in a shed at 23:00 and at noon: fire at night wakes the post and the neighbour."""
    table = tmp_path / "smoke.csv"
    times = {"2026-03-01T23:00": 1, "2026-03-02T12:00": 1}
    lines = [
        f"{day}T{hour:02}:{minute:02},{times.get(f'{day}T{hour:02}:00', 0) if minute < 5 else 0}"
        for day in ("2026-03-01", "2026-03-02")
        for hour in range(24)
        for minute in range(60)
    ]
    table.write_text("\n".join(["at,smoke", *lines]), "utf-8")
    words = ["--csv", str(table), "--community", str(scenario.COMMUNITY), "--site", "linjiang"]
    words += ["--device", "shed-2-02", "--column", "smoke=shed-2/smoke", "--zone", "Asia/Shanghai"]
    code, found, text = replay(*words, "--only", "eb-smoke", "--lang", "en")
    assert code == 0
    would = found["rules"][0]["would"]
    assert (would["rang"], would["night"], would["woken"]) == (2, 1, 1)
    assert [one["told_at_once"] for one in found["episodes"]] == [["Emma Novak", "值班岗"]] * 2
    assert "People would have been woken once: Emma Novak once, 值班岗 once." in text


BAD = [
    (["--only", "riv-cond-ris"], ["--only riv-cond-ris: there is no such rule", "'riv-cond-rise'"]),
    (["--set", "riv-do-low"], ["--set 'riv-do-low': write RULE.KEY=NUMBER"]),
    (["--set", "riv-dolow.below=3"], ["there is no rule 'riv-dolow'", "did you mean 'riv-do-low'?"]),
    (["--set", "riv-do-low.above=3"], ["--set riv-do-low"]),
    (["--set", "riv-do-low.beyond=3"], ["'beyond' is no number of it; use one of"]),
    (["--from", "June"], ["--from 'June': is no time", "e.g. 2025-06-01"]),
    (["--from", "2019-01-18", "--to", "2019-01-17"], ["--from, --to: there is nothing between"]),
    (["--warm-up", "long"], ["--warm-up 'long': is no duration", '"30d"']),
    (["--rules", "none"], ["none: cannot be read"]),
    (["--against", "none.toml"], ["none.toml: cannot be read", "--against"]),
    (["--html", "no/such/page.html"], ["--html no/such/page.html: cannot be written"]),
    (["--journal", "none.db"], ["none.db: there is no journal"]),
    (["--source", "journal"], ["there is no journal in"]),
    (["--csv", "x.csv", "--source", "store"], ["--csv: stands without --journal and --source"]),
    ([], ["--from: is needed to read the store"]),
]  # fmt: skip


@pytest.mark.parametrize(("words", "told"), BAD, ids=[" ".join(words) for words, _ in BAD])
def test_a_call_that_cannot_be_says_why_and_how_to_mend_it(home, capsys, words, told):
    assert main(["replay", "--config", str(home / "shouwang.toml"), *words]) == 2
    text = capsys.readouterr().err
    assert [part for part in told if part not in text] == [], text


def test_all_mistakes_are_named_at_once(home, capsys):
    words = ["--only", "x", "--set", "y", "--from", "z", "--warm-up", "w", "--rules", "none.toml"]
    assert main(["replay", "--config", str(home / "shouwang.toml"), *words]) == 2
    lines = capsys.readouterr().err.splitlines()
    starts = ["none.toml:", "--only x:", "--set 'y':", "--warm-up 'w':", "--from 'z':"]
    assert [line[: len(start)] for line, start in zip(lines, starts, strict=True)] == starts


def test_a_store_that_is_not_there_is_something_outside(tmp_path, home, capsys):
    config = tmp_path / "shouwang.toml"
    store = '[store]\nkind = "influx1"\nurl = "http://127.0.0.1:9"\nbucket = "x"\n'
    state = home / "state"
    config.write_text(f'cell = "linjiang"\nstate = "{state}"\n[desk]\nport = 0\n{store}', "utf-8")
    assert main(["replay", "--config", str(config), *cell.WEEK]) == 3
    assert "127.0.0.1:9" in capsys.readouterr().err


def test_a_pack_of_ones_own_is_tried(tmp_path, stored):
    folder = tmp_path / "packs"
    folder.mkdir()
    text = shipped()["river.toml"].replace("rise = 100.0", "rise = 500.0", 1)
    (folder / "mine.toml").write_text(text, "utf-8")
    assert "riv-cond-rise" in read_packs({"mine": text}).rules
    code, found, _ = stored("--rules", str(folder), "--against", "shipped", *ONLY, *cell.WEEK)
    (rule,) = found["rules"]
    assert (code, rule["would"]["rang"], rule["against"]["rang"]) == (0, 1, 5)


DOCS = Path(__file__).parents[3] / "docs" / "replay.md"


def test_the_page_about_it_shows_what_it_says(monkeypatch, capsys):
    monkeypatch.chdir(DOCS.parents[1])
    text = DOCS.read_text("utf-8")
    (call,) = re.findall(r"```console\nshouwang (replay --csv .*?)```", text, re.S)
    (shown,) = re.findall(r"```text\n(.*?)```", text, re.S)
    assert main(shlex.split(call.replace("\\\n", " "))) == 0
    assert capsys.readouterr().out == shown


def test_the_page_about_it_describes_every_key(stored):
    _, found, _ = stored(*ONLY, "--set", "riv-cond-rise.rise=500", *cell.WEEK)
    rows = DOCS.read_text("utf-8").partition("## The JSON file")[2]
    told = set(re.findall(r"`([a-z_]+)", rows))
    assert set(found) <= told
    for key in ("rules", "episodes", "only_in_reality", "transitions", "settings"):
        assert set(found[key][0]) <= told, key
    assert set(found["rules"][0]["would"]) <= told
    assert set(found["source"]) <= told
