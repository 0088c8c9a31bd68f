from __future__ import annotations

import json
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from aiohttp.test_utils import TestClient

from alerts.incidents.model import State
from dashboards.console import health
from tests.dashboards.desk_fixture import NOW, House

BODY = {"Content-Type": "application/json"}


async def test_an_incident_is_told_with_its_words_and_times_with_offset(client: TestClient):
    told = await (await client.get("/api/v1/incidents/6")).json()
    assert told["incident"]["what"] == "2 号充电棚 7 号插座功率 1130 瓦"
    at = datetime.fromisoformat(told["incident"]["opened_at"])
    assert at == NOW - timedelta(minutes=3)
    assert at.utcoffset() == timedelta(hours=8)
    assert {one["person"]: one["reason"] for one in told["considered"]}["xiaoli"] == "not-this-tier"
    assert told["notices"][0]["text"].startswith("【演示·注入数据】")
    english = await (await client.get("/api/v1/incidents/6?lang=en")).json()
    assert english["incident"]["what"] == "Shed 2 socket 7: 1130 W"


async def test_no_address_phone_or_secret_leaves_by_the_api(client: TestClient):
    for path in ("/api/v1/registry", "/api/v1/notices", "/api/v1/incidents/6"):
        told = await (await client.get(path)).json()
        for notice in told.get("items", told.get("notices", [])):
            assert not {"address", "to", "secret"} & notice.keys()
        for person in told.get("people", []):
            assert not {"addresses", "phone"} & person.keys()
        assert "env:X" not in json.dumps(told)


async def test_lists_are_paged_by_cursor_without_gap_or_double(client: TestClient, here: House):
    model = here.operations.incident(1)
    assert model is not None
    for number in range(100, 230):
        here.operations.put(replace(model, id=number))
    seen: list[int] = []
    cursor, pages = "", 0
    while True:
        told = await (await client.get("/api/v1/incidents" + cursor)).json()
        seen += [one["id"] for one in told["items"]]
        pages += 1
        if told["next"] is None:
            break
        cursor = f"?cursor={told['next']}"
    assert pages == 3
    assert seen == sorted({*range(100, 230), 1, 2, 3, 4, 5, 6}, reverse=True)


async def test_states_and_places_narrow_the_list(client: TestClient):
    async def ids(query: str) -> list[int]:
        told = await (await client.get(f"/api/v1/incidents?{query}")).json()
        return [one["id"] for one in told["items"]]

    assert await ids("state=open") == [6, 5, 4, 3]
    assert await ids("state=closed") == [2, 1]
    assert await ids("site=riverside&place=laobakou") == [3, 1]


async def test_taking_over_names_who_and_stops_the_countdown(
    client: TestClient, origin: dict[str, str]
):
    answer = await client.post(
        "/api/v1/incidents/6/acknowledge", json={"who": "wang"}, headers=origin
    )
    assert answer.status == 200
    told = await answer.json()
    assert (told["state"], told["acknowledged_by"], told["next_step_at"]) == (
        "acknowledged",
        "wang",
        None,
    )


async def test_the_second_to_take_over_is_told_who_was_quicker(
    client: TestClient, origin: dict[str, str]
):
    path = "/api/v1/incidents/6/acknowledge"
    await client.post(path, json={"who": "wang"}, headers=origin)
    answer = await client.post(path, json={"who": "xiaoli"}, headers=origin)
    assert answer.status == 409
    assert answer.content_type == "application/problem+json"
    assert "王经理" in (await answer.json())["title"]


async def test_a_second_look_that_is_fine_closes_it(
    client: TestClient, here: House, origin: dict[str, str]
):
    answer = await client.post(
        "/api/v1/duties/1/confirm", json={"who": "zhang", "outcome": "fine"}, headers=origin
    )
    assert (await answer.json())["state"] == "closed"
    assert here.operations.duties(open=True) == []


async def test_a_second_look_that_finds_it_still_there_opens_it_again_with_the_note(
    client: TestClient, here: House, origin: dict[str, str]
):
    body = {"who": "zhang", "outcome": "still-there", "note": "还在流"}
    await client.post("/api/v1/duties/1/confirm", json=body, headers=origin)
    found = here.operations.incident(3)
    assert found is not None
    assert found.state is State.OPEN
    assert "还在流" in await (await client.get("/incidents/3")).text()


async def test_a_false_alarm_needs_its_reason(client: TestClient, origin: dict[str, str]):
    path = "/api/v1/incidents/6/false-alarm"
    bare = await client.post(path, json={"who": "wang", "reason": "  "}, headers=origin)
    assert bare.status == 400
    assert (await bare.json())["where"].startswith("reason")
    good = await client.post(path, json={"who": "wang", "reason": "清洗探头"}, headers=origin)
    assert (await good.json())["false_alarm"] is True


@pytest.mark.parametrize(
    ("what", "path", "where"),
    [
        ("an id with capitals", "/places/Riverside/laobakou", "site"),
        ("an id with an escape", "/api/v1/sites/river%0aside/places", "site"),
        ("an id too long", f"/api/v1/sites/{'a' * 65}/places", "site"),
        ("an id with a new line at its end", "/api/v1/sites/riverside%0a/places", "site"),
        ("an incident that is no number", "/api/v1/incidents/six", "incident"),
        ("an incident below one", "/incidents/0", "incident"),
        ("an unknown parameter", "/api/v1/incidents?stat=open", "stat"),
        ("a parameter twice", "/api/v1/incidents?state=open&state=all", "state"),
        ("a cursor that is no cursor", "/api/v1/incidents?cursor=x", "cursor"),
        ("half a place", "/api/v1/incidents?place=laobakou", "site"),
        ("a language nobody speaks", "/?lang=xx", "lang"),
        (
            "a time without offset",
            "/api/v1/sites/riverside/places/laobakou/series"
            "?since=2026-11-22T00:00:00&until=2026-11-22T01:00:00Z",
            "since",
        ),
        (
            "a chart that runs backwards",
            "/api/v1/sites/riverside/places/laobakou/series"
            "?since=2026-11-22T02:00:00Z&until=2026-11-22T01:00:00Z",
            "since",
        ),
        (
            "more buckets than allowed",
            "/api/v1/sites/riverside/places/laobakou/series"
            "?since=2026-11-22T00:00:00Z&until=2026-11-22T01:00:00Z&most=99999",
            "most",
        ),
    ],
)
async def test_a_call_that_does_not_fit_is_told_where_and_what_to_do(
    client: TestClient, what: str, path: str, where: str
):
    from yarl import URL

    answer = await client.get(URL(path, encoded=True))
    assert answer.status == 400, what
    problem = await answer.json()
    assert where in problem["where"], what


@pytest.mark.parametrize(
    ("what", "body", "headers", "status"),
    [
        ("a form", "who=wang", {"Content-Type": "application/x-www-form-urlencoded"}, 415),
        ("text that is JSON", '{"who": "wang"}', {"Content-Type": "text/plain"}, 415),
        ("no JSON", "{", BODY, 400),
        ("a list", "[]", BODY, 400),
        ("a key too many", '{"who": "wang", "admin": true}', BODY, 400),
        ("nobody", "{}", BODY, 400),
        ("somebody unknown", '{"who": "nobody"}', BODY, 400),
        ("a body too large", '{"who": "' + "a" * 70_000 + '"}', BODY, 413),
    ],
)
async def test_a_body_that_does_not_fit_changes_nothing(
    client: TestClient,
    here: House,
    origin: dict[str, str],
    what: str,
    body: str,
    headers: dict[str, str],
    status: int,
):
    before = here.operations.mark()
    answer = await client.post(
        "/api/v1/incidents/6/acknowledge", data=body, headers=origin | headers
    )
    assert answer.status == status, what
    assert here.operations.mark() == before


async def test_what_is_not_there_is_404(client: TestClient, origin: dict[str, str]):
    for path in ("/incidents/99", "/places/riverside/nowhere", "/api/v1/incidents/99", "/m/"):
        assert (await client.get(path)).status == 404, path
    body = {"who": "zhang", "outcome": "fine"}
    assert (await client.post("/api/v1/duties/99/confirm", json=body, headers=origin)).status == 404


async def test_a_chart_has_lines_limits_spans_and_doubts(client: TestClient):
    told = await (
        await client.get(
            "/api/v1/sites/riverside/places/laobakou/series"
            "?since=2026-11-21T04:36:00Z&until=2026-11-22T10:36:00Z"
        )
    ).json()
    lines = {line["metric"]: line for line in told["lines"]}
    assert max(lines["conductivity"]["high"]) > 1400
    assert any(lines["turbidity"]["doubtful"])
    marked = lines["turbidity"]["marked"]
    assert [one["quality"] for one in marked] == [3, 3, 3, 3]
    assert [one["checks"] for one in marked] == [["spike", "neighbour"], *([["spike"]] * 3)]
    withheld = {tuple(one["checks"]) for one in lines["ph"]["marked"] if one["quality"] == 4}
    assert withheld == {("flat",)}
    assert not {one["at"] for one in lines["ph"]["marked"]} & set(lines["ph"]["at"])
    assert all(len(set(map(len, (x["at"], x["mean"], x["low"], x["doubtful"])))) == 1 for x in told["lines"])  # fmt: skip
    assert [(x["metric"], x["value"], x["side"]) for x in told["limits"]] == [
        ("conductivity", 800.0, "above")
    ]
    assert [span["incident"] for span in told["spans"]] == [3]


async def test_the_house_says_it_is_ready_only_when_each_part_is(client: TestClient, here: House):
    assert (await client.get("/readyz")).status == 200
    status = here.watch.status
    assert status is not None
    here.watch.status = replace(status, at=NOW - timedelta(minutes=5))
    answer = await client.get("/readyz")
    assert answer.status == 503
    parts = (await answer.json())["parts"]
    assert parts["operations"]["ok"]
    assert "last spoke" in parts["watch"]["why"]
    assert (await client.get("/healthz")).status == 200


async def test_a_store_that_does_not_answer_is_told_in_words(
    client: TestClient, here: House, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr(health, "STORE_S", 0.05)
    here.history.is_stalled = True
    parts = (await (await client.get("/readyz")).json())["parts"]
    assert parts["store"]["why"] == ("no answer within 0.05 s; see that it runs and can be reached")


async def test_the_meter_is_prometheus_text(client: TestClient):
    answer = await client.get("/metrics")
    assert answer.headers["Content-Type"].startswith("text/plain; version=0.0.4")
    assert "shouwang_desk_streams 0" in await answer.text()


async def test_a_failure_of_the_store_is_an_honest_500_and_says_nothing_inside(
    client: TestClient, here: House
):
    async def broken(site: str) -> list[object]:
        raise RuntimeError("password=hunter2")

    here.history.latest = broken  # type: ignore[assignment,method-assign]
    answer = await client.get("/api/v1/sites/riverside/places")
    assert answer.status == 500
    assert "hunter2" not in await answer.text()
