import json
from dataclasses import replace
from typing import Any

import pytest

from alerts.registry.model import Binding, Device, Format, Names, Registry
from alerts.rules.inputs import DeviceSaid
from collector.decoders.port import Record, Told
from collector.intake import Bindings, Intake
from collector.link.port import Message
from edge.contract.command import Result, Verb, encode_result
from edge.contract.quality import Quality
from edge.contract.ranges import Ranges
from edge.contract.reading import Reading
from edge.contract.senml import encode
from edge.contract.settings import Reported, SettingsState, encode_reported
from edge.contract.status import State, Status

NOW_MS = 1_790_000_000_000
READINGS = "shouwang/v1/riverside/box/readings"
BOX = Device(
    id="box",
    site="riverside",
    names=Names(zh="箱"),
    bindings=(
        Binding(place="laobakou", metrics=("water-temp", "do")),
        Binding(place="shed", port="p1", metrics=("power",)),
    ),
)
REGISTRY = Registry(devices=(BOX,))


def intake(held=None, registry=REGISTRY) -> Intake:
    return Intake(Bindings(registry), held or {})


def reading(seq: int, value: float | None = 8.0, **other) -> Reading:
    given: dict[str, Any] = {
        "place": "laobakou",
        "port": "",
        "metric": "do",
        "run": "r1",
        "at_ms": NOW_MS + seq,
    }
    return Reading(**(given | other), seq=seq, value=value)


def message(*readings: Reading, topic=READINGS, retained=False, dropped=()) -> Message:
    return Message(topic, encode(readings, dropped), retained, 1)


def test_readings_that_the_registry_binds_pass_and_are_judged():
    judged = intake().judge(
        [message(reading(0), reading(1, place="shed", port="p1", metric="power"))], NOW_MS
    )
    assert [batch.quality for batch in judged.batches] == [[Quality.GOOD, Quality.GOOD]]
    assert judged.covers == [("riverside/box", "r1", 0, 1)]
    assert judged.letters == []
    assert judged.counts.readings == 2


@pytest.mark.parametrize(
    "other",
    [
        {"place": "elsewhere"},
        {"metric": "ph"},
        {"place": "shed", "port": "p2", "metric": "power"},
        {"place": "shed", "metric": "power"},
        {"place": "", "metric": "do"},
    ],
    ids=["place", "metric", "port", "no port", "no place"],
)
def test_an_unbound_reading_is_a_dead_letter_and_the_rest_goes_on(other):
    judged = intake().judge([message(reading(0), reading(1, **other), reading(2))], NOW_MS)
    assert [batch.seq for batch in judged.batches] == [[0, 2]]
    assert [letter.count for letter in judged.letters] == [1]
    assert "not bound to device box" in judged.letters[0].reason
    assert judged.covers == [("riverside/box", "r1", 0, 2)]


def test_a_device_may_speak_of_its_own_health_without_a_binding():
    judged = intake().judge([message(reading(0, 3.0, place="", metric="journal-depth"))], NOW_MS)
    assert judged.counts.readings == 1


STRANGER = "shouwang/v1/riverside/stranger/readings"


def test_what_an_unregistered_device_sends_is_dead_and_neither_covered_nor_told():
    one = message(reading(0), reading(1), topic=STRANGER, dropped=[("r0", 0, 4, "cap")])
    judged = intake().judge([one], NOW_MS)
    assert [(letter.count, letter.topic) for letter in judged.letters] == [(2, one.topic)]
    assert "not registered" in judged.letters[0].reason
    assert (judged.batches, judged.covers, judged.spoke) == ([], [], [])
    assert (judged.counts.dead, judged.counts.dropped) == (2, 0)


def test_what_an_unregistered_device_sends_again_is_counted_once():
    room = intake()
    dead = [
        room.judge([message(*map(reading, seqs), topic=STRANGER)], NOW_MS).counts.dead
        for seqs in ((0, 1), (0, 1), (0, 1, 2))
    ]
    assert dead == [2, 0, 1]


def test_after_registering_the_readings_that_are_sent_again_are_taken_in():
    room = intake()
    one = message(reading(0), reading(1), topic=STRANGER)
    room.judge([one], NOW_MS)
    room.bindings = Bindings(Registry(devices=(BOX, replace(BOX, id="stranger"))))
    judged = room.judge([one], NOW_MS)
    assert [batch.seq for batch in judged.batches] == [[0, 1]]
    assert (judged.letters, judged.counts.doubles) == ([], 0)
    assert judged.covers == [("riverside/stranger", "r1", 0, 1)]
    assert room.intervals(judged.spoke) == {"riverside/stranger": {"r1": [(0, 1)]}}


def test_what_is_held_of_a_device_that_was_removed_is_not_dead():
    judged = intake(registry=Registry(), held={("riverside/box", "r1"): Ranges([(0, 1)])}).judge(
        [message(reading(0), reading(1))], NOW_MS
    )
    assert (judged.letters, judged.spoke) == ([], [])


def test_a_double_within_one_call_is_noticed():
    judged = intake().judge([message(reading(0)), message(reading(0))], NOW_MS)
    assert len(judged.batches) == 1
    assert judged.counts.doubles == 1


def test_a_double_of_an_earlier_call_is_noticed_and_told_again():
    room = intake()
    room.judge([message(reading(0), reading(1))], NOW_MS)
    judged = room.judge([message(reading(0), reading(1))], NOW_MS)
    assert (judged.batches, judged.covers, judged.counts.doubles) == ([], [], 2)
    assert room.intervals(judged.spoke) == {"riverside/box": {"r1": [(0, 1)]}}


def test_what_the_journal_holds_is_a_double():
    room = intake({("riverside/box", "r1"): Ranges([(0, 4)])})
    judged = room.judge([message(*(reading(seq) for seq in range(3, 7)))], NOW_MS)
    assert [batch.seq for batch in judged.batches] == [[5, 6]]
    assert judged.covers == [("riverside/box", "r1", 5, 6)]
    assert judged.counts.doubles == 2


def test_another_run_is_no_double():
    room = intake()
    room.judge([message(reading(0))], NOW_MS)
    assert room.judge([message(reading(0, run="r2"))], NOW_MS).counts.readings == 1


def test_intervals_are_merged_over_the_messages_of_a_call():
    room = intake()
    judged = room.judge([message(reading(seq)) for seq in (0, 1, 2, 7)], NOW_MS)
    assert room.intervals(judged.spoke) == {"riverside/box": {"r1": [(0, 2), (7, 7)]}}


def test_a_record_that_cannot_be_read_is_dead_and_covered():
    pack = json.loads(encode([reading(0), reading(1)]))
    pack[1]["n"] = "no-such-metric"
    judged = intake().judge([Message(READINGS, json.dumps(pack).encode(), False, 1)], NOW_MS)
    assert judged.counts.readings == 1
    assert judged.counts.dead == 1
    assert judged.covers == [("riverside/box", "r1", 0, 1)]


def test_retained_readings_are_stale_and_ignored():
    judged = intake().judge([message(reading(0), retained=True)], NOW_MS)
    assert judged.counts.stale == 1
    assert (judged.batches, judged.letters, judged.covers) == ([], [], [])


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (READINGS, b""),
        (READINGS, b"\xff\xfe"),
        (READINGS, b"[]"),
        (READINGS, b"[" * 5000),
        (READINGS, b'[{"n":"do"}]'),
        ("shouwang/v1/riverside/box/status", b"alive"),
        ("shouwang/v1/riverside/stranger/status", b'{"state":"online"}'),
        ("shouwang/v1/riverside/box/time/request", b"7"),
        ("shouwang/v1/riverside/box/time/request", b'{"nonce":7}'),
        ("somewhere/else", b"x"),
        ("shouwang/v1/RIVER/box/readings", b"x"),
    ],
)
def test_poison_is_a_dead_letter_and_stops_nothing(topic, payload):
    judged = intake().judge([Message(topic, payload, False, 1), message(reading(0))], NOW_MS)
    assert [letter.topic for letter in judged.letters] == [topic]
    assert judged.counts.readings == 1


def test_a_bug_that_one_message_meets_costs_that_message_only(monkeypatch):
    room = intake()
    judge = room.quality.judge

    def broken(batch):
        if batch.first == 0:
            raise ZeroDivisionError
        return judge(batch)

    monkeypatch.setattr(room.quality, "judge", broken)
    judged = room.judge([message(reading(0)), message(reading(1))], NOW_MS)
    assert [batch.seq for batch in judged.batches] == [[1]]
    assert judged.covers == [("riverside/box", "r1", 1, 1)]
    assert "report this" in judged.letters[0].reason
    assert room.intervals(judged.spoke) == {"riverside/box": {"r1": [(1, 1)]}}


def test_ranges_that_the_device_dropped_are_counted_once_and_settled():
    room = intake()
    first = room.judge([message(reading(9), dropped=[("r0", 0, 4, "cap")])], NOW_MS)
    again = room.judge([message(reading(10), dropped=[("r0", 0, 4, "cap")])], NOW_MS)
    assert [(letter.reason, letter.count) for letter in first.letters] == [
        ("dropped by the device: cap", 5)
    ]
    assert again.letters == []
    assert first.counts.dropped == 5
    assert [(gone.run, gone.lo, gone.hi, gone.reason) for gone in first.given_up] == [
        ("r0", 0, 4, "cap")
    ]
    assert again.given_up == []
    assert room.intervals(again.spoke)["riverside/box"]["r0"] == [(0, 4)]


def test_a_device_s_word_is_taken_once_until_it_changes():
    topic = "shouwang/v1/riverside/box/status"
    online, offline = Status(state=State.ONLINE, run="r1"), Status(state=State.OFFLINE)
    room = intake()
    said = [
        room.judge([Message(topic, status.encode(), True, 1)], NOW_MS).said
        for status in (online, online, offline)
    ]
    assert said == [
        [DeviceSaid("riverside", "box", online)],
        [],
        [DeviceSaid("riverside", "box", offline)],
    ]


def test_the_server_s_own_status_says_nothing():
    status = Message("shouwang/v1/riverside/server/status", b'{"state":"online"}', True, 1)
    judged = intake().judge([status], NOW_MS)
    assert (judged.said, judged.letters) == ([], [])


def test_a_question_about_the_time_is_answered_with_its_nonce():
    topic = "shouwang/v1/riverside/box/time/request"
    judged = intake().judge([Message(topic, b'{"nonce":"abc"}', False, 1)], NOW_MS)
    assert [json.loads(q.answer(NOW_MS)) for q in judged.questions] == [
        {"nonce": "abc", "at_ms": NOW_MS}
    ]


RESULT = "shouwang/v1/riverside/box/command/result"
REPORTED = "shouwang/v1/riverside/box/config/reported"


def test_a_nonce_is_told_and_never_journalled():
    room, topic = intake(), "shouwang/v1/riverside/box/status"
    for nonce, news in (("n-1", 1), ("n-2", 0)):
        status = Status(state=State.ONLINE, run="r1", nonce=nonce)
        judged = room.judge([Message(topic, status.encode(), True, 1)], NOW_MS)
        assert [told.nonce for _, _, told in judged.statuses] == [nonce]
        assert [said.status.nonce for said in judged.said] == [""] * news


def test_what_became_of_a_command_is_heard_unless_it_is_retained():
    result = Result(verb=Verb.OFF, target="relay-1", is_done=False, reason="no such output")
    heard = Message(RESULT, encode_result(result), False, 1)
    judged = intake().judge([heard, heard._replace(retained=True)], NOW_MS)
    assert [(a.site, a.device, a.result) for a in judged.answers] == [("riverside", "box", result)]
    assert (judged.counts.results, judged.counts.refusals, judged.counts.presses) == (1, 1, 0)


def test_a_report_of_settings_is_heard_retained_or_not():
    reported = Reported(revision=3, state=SettingsState.APPLIED)
    for retained in (True, False):
        message = Message(REPORTED, encode_reported(reported), retained, 1)
        assert intake().judge([message], NOW_MS).reports == [("riverside", "box", reported)]


@pytest.mark.parametrize("kind", ["command/result", "config/reported"])
@pytest.mark.parametrize(("device", "payload"), [("box", b"{}"), ("stranger", None)])
def test_a_garbled_or_a_strangers_answer_is_a_dead_letter(kind, device, payload):
    said = {
        "command/result": encode_result(Result(verb=Verb.HUSH, target="1", is_done=True)),
        "config/reported": encode_reported(Reported(revision=1, state=SettingsState.TRIAL)),
    }
    topic = f"shouwang/v1/riverside/{device}/{kind}"
    judged = intake().judge([Message(topic, payload or said[kind], False, 1)], NOW_MS)
    assert (len(judged.letters), judged.answers, judged.reports) == (1, [], [])


PLUG = Device(
    id="plug",
    site="riverside",
    names=Names(zh="插座"),
    format=Format.TASMOTA,
    address="plug-1",
    bindings=(Binding(place="shed", port="p1", metrics=("power", "energy")),),
)


def plugged() -> Intake:
    return intake(registry=replace(REGISTRY, devices=(BOX, PLUG)))


def tasmota(kind: str, payload: bytes, *, retained: bool = False) -> Message:
    return Message(f"tele/plug-1/{kind}", payload, retained, 0)


ENERGY = b'{"ENERGY":{"Total":1.5,"Power":90000}}'


def test_a_foreign_devices_readings_are_bound_converted_and_judged():
    judged = plugged().judge([tasmota("SENSOR", ENERGY), message(reading(0))], NOW_MS)
    batch, own = judged.batches
    assert (batch.device, batch.untrusted, own.untrusted) == ("plug", True, False)
    assert list(zip(batch.metric, batch.value, batch.quality, strict=True)) == [
        ("energy", 1500.0, Quality.GOOD),
        ("power", 90000.0, Quality.FAIL),
    ]
    # The source numbers nothing, so there is nothing to confirm to it.
    assert judged.covers == [("riverside/box", "r1", 0, 0)]
    assert judged.spoke == [("riverside/box", "r1", 0)]
    assert (judged.counts.readings, judged.counts.failed) == (3, 1)


def test_packs_of_undated_readings_that_arrive_together_are_not_laid_on_each_other():
    # A box that does not know the time sends each reading as "just now"; the line stood still.
    packs = [
        Message(READINGS, encode([reading(seq)], relative_to_ms=NOW_MS + seq), False, 1)
        for seq in range(4)
    ]
    judged = intake().judge(packs, NOW_MS)
    assert [batch.at_ms for batch in judged.batches] == [[NOW_MS + seq] for seq in range(4)]
    assert judged.counts.shifted == 0, "nothing is wrong with them"


def test_what_the_broker_kept_of_a_foreign_device_is_never_fresh():
    judged = plugged().judge([tasmota("SENSOR", ENERGY, retained=True)], NOW_MS)
    assert (judged.batches, judged.letters, judged.counts.stale) == ([], [], 1)


def test_a_kept_last_will_says_whether_it_is_there_once():
    kept = tasmota("LWT", b"Online", retained=True)
    judged = plugged().judge([kept, kept, tasmota("LWT", b"Offline")], NOW_MS)
    assert [(one.device, one.status.state) for one in judged.said] == [
        ("plug", State.ONLINE),
        ("plug", State.OFFLINE),
    ]


def test_what_a_foreign_device_says_and_nobody_mapped_is_a_dead_letter():
    payload = b'{"ENERGY":{"Power":5},"SHT3X":{"Humidity":50}}'
    judged = plugged().judge([tasmota("SENSOR", payload)], NOW_MS)
    assert [letter.reason for letter in judged.letters] == [
        "SHT3X.Humidity is not mapped for device plug"
    ]
    assert (judged.counts.readings, judged.counts.dead) == (1, 1)


@pytest.mark.parametrize(
    ("topic", "payload", "reason"),
    [
        ("tele/plug-1/SENSOR", b"{", "not JSON"),
        ("tele/plug-2/SENSOR", ENERGY, "neither shouwang/v1/<site>/<device>/<kind> nor the topic"),
        (
            "shouwang/v1/riverside/plug/readings",
            encode([reading(0)]),
            "plug of site riverside is not",
        ),
    ],
)
def test_foreign_words_that_cannot_be_used_are_dead_letters(topic, payload, reason):
    judged = plugged().judge([Message(topic, payload, False, 0)], NOW_MS)
    assert judged.batches == []
    assert [reason in letter.reason for letter in judged.letters] == [True]


def test_a_frame_that_came_by_another_way_is_taken_like_a_message():
    station = intake(registry=replace(REGISTRY, devices=(replace(PLUG, format=Format.HJ212),)))
    mapping = station.bindings.foreign.mapping("riverside", "plug")
    assert mapping is not None
    told = Told(records=(Record("a", 40.0, "power"),), refused=(("no number", b"x"),))
    judged = station.tell(mapping, told, "hj212/plug-1", b"raw", NOW_MS)
    assert [batch.value for batch in judged.batches] == [[40.0]]
    assert [letter.reason for letter in judged.letters] == ["no number"]
    assert judged.counts.messages == 1
