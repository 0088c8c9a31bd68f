"""The golden samples say what this implementation does, word for word."""

import json
from pathlib import Path
from typing import Any

import pytest

import edge.contract
from edge.contract import senml
from edge.contract.compare import Gate, Limit, judge
from edge.contract.ranges import decode_received
from edge.contract.reading import Decoded, Rejected
from edge.contract.status import Status

GOLDEN = Path(edge.contract.__file__).parent / "golden"
NOW_MS = 1_795_390_000_000


def cases(*names: str) -> list[Any]:
    return [
        pytest.param(case, id=f"{name}: {case['about']}")
        for name in names
        for case in json.loads((GOLDEN / name).read_text("utf-8"))["cases"]
    ]


def decoded(case: dict[str, Any]) -> Decoded | Rejected:
    payload = case["text"] if "text" in case else json.dumps(case["payload"])
    return senml.decode(
        payload.encode(), topic="shouwang/v1/riverside/box/readings",
        site="riverside", device="box", now_ms=NOW_MS,
    )  # fmt: skip


@pytest.mark.parametrize("case", cases("packs.json", "rejected-records.json"))
def test_a_pack_gives_these_readings_and_refusals(case) -> None:
    got = decoded(case)
    assert isinstance(got, Decoded)
    expect = case["expect"]
    assert (got.batch.run, got.batch.first, got.batch.count) == (
        expect["run"], expect["first"], expect["count"],
    )  # fmt: skip
    found = []
    for reading in got.batch.readings():
        found.append(
            {
                "seq": reading.seq,
                "place": reading.place,
                "port": reading.port,
                "metric": reading.metric,
                "value": reading.value,
                "at_ms": reading.at_ms,
                "quality": int(reading.quality),
            }
        )
        if reading.reason:
            found[-1]["reason"] = reading.reason
    assert found == expect["readings"]
    assert [{"seq": each.seq, "reason": each.reason} for each in got.rejected] == expect["rejected"]
    assert [list(span) for span in got.dropped] == expect["dropped"]
    assert len(found) + len(got.rejected) == got.batch.count


@pytest.mark.parametrize("case", cases("rejected-messages.json"))
def test_a_message_is_refused_whole(case) -> None:
    got = decoded(case)
    assert isinstance(got, Rejected)
    assert got.seq is None
    assert got.reason == case["expect"]["rejected"] or (
        got.reason.startswith("not JSON") and case["expect"]["rejected"].startswith("not JSON")
    )


@pytest.mark.parametrize("case", cases("received.json"))
def test_a_receipt_gives_these_ranges(case) -> None:
    got = decode_received(case["text"].encode())
    expect = case["expect"]
    assert got == (
        expect and {run: [tuple(pair) for pair in pairs] for run, pairs in expect.items()}
    )


@pytest.mark.parametrize("case", cases("status.json"))
def test_a_status_gives_these_fields(case) -> None:
    got = Status.decode(case["text"].encode())
    assert case["expect"] == (
        got and {"state": got.state, "run": got.run, "firmware": got.firmware, "at_ms": got.at_ms}
    )


@pytest.mark.parametrize("case", cases("comparison.json"))
def test_values_bring_these_edges(case) -> None:
    limit, gate, found = Limit(**case["limit"]), Gate(), []
    for at_ms, value in case["values"]:
        found += [
            [edge.value, at] for edge, at in judge(limit, gate, value, at_ms, case["hold_ms"])
        ]
    assert found == case["expect"]


def test_every_file_is_run_and_described() -> None:
    described = (GOLDEN / "README.md").read_text("utf-8")
    names = {path.name for path in GOLDEN.glob("*.json")}
    assert names == {
        "packs.json", "rejected-records.json", "rejected-messages.json",
        "received.json", "status.json", "comparison.json",
    }  # fmt: skip
    for name in names:
        assert f"`{name}`" in described
        about = json.loads((GOLDEN / name).read_text("utf-8"))
        assert about.get("now_ms", NOW_MS) == NOW_MS
