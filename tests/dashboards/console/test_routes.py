from __future__ import annotations

from dataclasses import fields

from aiohttp import web

from dashboards.console.app import STATIC_PREFIX, make_app, served
from dashboards.console.openapi import holes, openapi
from dashboards.console.routes import ROUTES, Principal, Right
from dashboards.console.takes import NothingPath
from tests.dashboards.desk_fixture import house


def _rows(app: web.Application) -> set[tuple[str, str]]:
    return {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None and route.resource.canonical != STATIC_PREFIX
    }


def test_every_route_of_the_app_is_a_row_of_the_table_and_every_row_a_route():
    assert _rows(make_app(house(demo=True).desk)) == {(r.method, r.path) for r in ROUTES}


def test_outside_the_demo_the_inbox_does_not_exist():
    rows = _rows(make_app(house(demo=False).desk))
    assert rows == {(r.method, r.path) for r in served(demo=False)}
    assert ("GET", "/demo/inbox") not in rows


def test_beside_the_table_stands_only_the_static_folder_and_it_is_only_read():
    app = make_app(house().desk)
    beside = {
        (route.method, route.resource.canonical)
        for route in app.router.routes()
        if route.resource is not None
    } - _rows(app)
    assert beside == {("GET", STATIC_PREFIX), ("HEAD", STATIC_PREFIX)}


def test_what_changes_something_is_a_post_with_a_body_and_the_right_to_act():
    for route in ROUTES:
        assert (route.method == "POST") == (route.right is Right.ACT), route.path
        assert (route.method == "POST") == (route.body is not None), route.path
        assert route.method in {"GET", "POST"}, route.path


def test_only_what_says_nothing_of_a_community_is_open_to_anybody():
    assert {r.path for r in ROUTES if r.principal is Principal.ANYBODY} == {
        "/healthz",
        "/readyz",
        "/api/v1/openapi.json",
    }


def test_a_path_takes_exactly_the_names_of_its_type():
    for route in ROUTES:
        names = {field.name for field in fields(route.path_type)}
        assert names == set(holes(route.path)), route.path
        assert bool(holes(route.path)) == (route.path_type is not NothingPath)


def test_the_document_names_every_row_with_its_right_and_its_types():
    document = openapi(ROUTES, "0.1.0")
    for route in ROUTES:
        operation = document["paths"][route.path][route.method.lower()]
        assert operation["x-right"] == route.right.value
        assert operation["summary"]
        assert {p["name"] for p in operation["parameters"] if p["in"] == "path"} == set(
            holes(route.path)
        )
        if route.response is not None:
            schema = operation["responses"]["200"]["content"]["application/json"]["schema"]
            assert schema["$ref"].rsplit("/", 1)[1] in document["components"]["schemas"]


def test_every_reference_in_the_document_is_there():
    document = openapi(ROUTES, "0.1.0")
    known = document["components"]["schemas"]

    def walk(value: object) -> None:
        if isinstance(value, dict):
            if isinstance(value.get("$ref"), str):
                assert value["$ref"].startswith("#/components/schemas/")
                assert value["$ref"].rsplit("/", 1)[1] in known
            for inner in value.values():
                walk(inner)
        elif isinstance(value, list):
            for inner in value:
                walk(inner)

    walk(document)
