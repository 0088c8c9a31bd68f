from __future__ import annotations

import pytest
from aiohttp.test_utils import TestClient

from dashboards.console.guard import HEADERS, refusal
from dashboards.console.routes import ROUTES
from dashboards.ports import Settings
from tests.dashboards.desk_fixture import House

HOST = {"Host": "127.0.0.1:8470"}
OWN = HOST | {"Origin": "http://127.0.0.1:8470"}


@pytest.mark.parametrize(
    ("what", "method", "headers", "status"),
    [
        ("a page by its loopback number", "GET", HOST, None),
        ("a page by the name localhost", "GET", {"Host": "localhost:80"}, None),
        ("a page by IPv6 loopback", "GET", {"Host": "[::1]:8470"}, None),
        ("a name that was added", "GET", {"Host": "house.lan"}, None),
        ("a name that was added, any port", "GET", {"Host": "HOUSE.lan:81"}, None),
        ("a rebound name", "GET", {"Host": "evil.example:8470"}, 421),
        ("a name that only begins like ours", "GET", {"Host": "127.0.0.1.evil.example"}, 421),
        ("a name with ours inside", "GET", {"Host": "localhost@evil.example:80"}, 421),
        ("no name", "GET", {}, 421),
        ("a proxy that speaks for somebody", "GET", HOST | {"X-Forwarded-For": "1.2.3.4"}, 400),
        ("a proxy by the standard header", "GET", HOST | {"Forwarded": "for=1.2.3.4"}, 400),
        ("an act of our own page", "POST", OWN, None),
        ("the same with the browser's word", "POST", OWN | {"Sec-Fetch-Site": "same-origin"}, None),
        ("an act of another page", "POST", HOST | {"Origin": "http://evil.example"}, 403),
        ("an act of another port", "POST", HOST | {"Origin": "http://127.0.0.1:9"}, 403),
        ("an act from a file", "POST", HOST | {"Origin": "null"}, 403),
        ("an act of nowhere", "POST", HOST, 403),
        ("an act the browser calls foreign", "POST", OWN | {"Sec-Fetch-Site": "cross-site"}, 403),
        ("a method that might change something", "DELETE", HOST, 403),
    ],
)
def test_who_is_let_in(what: str, method: str, headers: dict[str, str], status: int | None):
    problem = refusal(method, headers, Settings(allowed_hosts=("house.lan",)))
    assert (problem.status if problem else None) == status, what
    if problem:
        assert problem.title
        assert problem.remedy


async def test_a_rebound_name_reads_nothing(client: TestClient):
    answer = await client.get("/api/v1/registry", headers={"Host": "evil.example"})
    assert answer.status == 421
    assert "zhang" not in await answer.text()


async def test_an_act_of_another_page_changes_nothing(client: TestClient, here: House):
    before = here.operations.mark()
    answer = await client.post(
        "/api/v1/incidents/6/acknowledge",
        json={"who": "wang"},
        headers={"Origin": "http://evil.example"},
    )
    assert answer.status == 403
    assert here.operations.mark() == before


async def test_reading_any_page_or_call_changes_nothing(client: TestClient, here: House):
    before = (here.operations.mark(), here.operations.incidents(limit=99))
    names = {"site": "riverside", "place": "shed-2", "device": "laoba-01"}
    names |= {"incident": "6", "duty": "1", "rule": "port-overload"}
    query = "?since=2026-11-22T00:00:00Z&until=2026-11-22T10:00:00Z"
    for route in ROUTES:
        if route.method == "GET" and route.path != "/events" and route.principal != "link":
            path = route.path.format(**names) + (query if route.path.endswith("/series") else "")
            answer = await client.get(path)
            assert answer.status == 200, path
            assert "Set-Cookie" not in answer.headers
            for act in ("acknowledge", "comments", "false-alarm"):
                assert (await client.get(f"/api/v1/incidents/6/{act}")).status == 405
    assert (here.operations.mark(), here.operations.incidents(limit=99)) == before


@pytest.mark.parametrize(
    ("path", "host", "status", "zh", "en"),
    [
        ("/nosuch", "", 404, "没有这一页", "There is no such page"),
        ("/incidents/no", "", 400, "这样打不开", "This call does not fit"),
        ("/rules?page=1&page=2", "", 400, "这样打不开", "This call does not fit"),
        ("/api/v1/snooze", "", 405, "不能直接打开", "cannot be opened by itself"),
        ("/people", "evil.example", 421, "不认这个名字", "does not answer to that name"),
    ],
)
async def test_a_browser_that_is_refused_gets_a_page_and_a_program_a_problem(
    client: TestClient, path: str, host: str, status: int, zh: str, en: str
):
    program = {"Host": host} if host else {}
    for browser, said in (
        (program | {"Accept": "text/html,*/*;q=0.8"}, zh),
        (program | {"Accept": "text/html,*/*;q=0.8", "Cookie": "lang=en"}, en),
    ):
        answer = await client.get(path, headers=browser)
        assert (answer.status, answer.content_type) == (status, "text/html")
        text = await answer.text()
        assert said in text
        assert "zhang" not in text
        assert HEADERS.items() <= answer.headers.items()
    answer = await client.get(path, headers=program)
    assert (answer.status, answer.content_type) == (status, "application/problem+json")


async def test_a_page_of_refusal_repeats_no_markup_of_the_address(client: TestClient):
    headers = {"Accept": "text/html", "Host": "<img src=x>"}
    answer = await client.get("/incidents/1?lang=%3Cimg%20src%3Dx%3E", headers=headers)
    assert answer.status == 421
    assert "<img" not in await answer.text()


async def test_every_answer_carries_the_headers(client: TestClient):
    for path in ("/", "/nothing", "/static/house.css", "/api/v1/incidents", "/incidents/no"):
        answer = await client.get(path)
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (path, name)


async def test_no_page_has_a_script_or_a_style_inside(client: TestClient):
    for path in ("/", "/incidents/6", "/places/riverside/shed-2", "/demo/inbox"):
        text = await (await client.get(path)).text()
        assert "<style" not in text
        assert " style=" not in text
        assert " onclick" not in text
        for piece in text.split("<script")[1:]:
            assert "src=" in piece.split(">")[0]


async def test_the_static_folder_gives_nothing_beyond_itself(client: TestClient):
    for path in ("/static/../app.py", "/static/%2e%2e/app.py", "/static/..%2fapp.py"):
        assert (await client.get(path)).status in (403, 404)


async def test_markup_in_what_people_write_stays_text(client: TestClient, origin: dict[str, str]):
    await client.post(
        "/api/v1/incidents/6/comments",
        json={"who": "wang", "text": "<img src=x onerror=alert(1)>"},
        headers=origin,
    )
    text = await (await client.get("/incidents/6")).text()
    assert "<img" not in text
    assert "&lt;img src=x" in text
