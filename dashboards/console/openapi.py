"""The OpenAPI document, made from the table of routes."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from pydantic import TypeAdapter

if TYPE_CHECKING:
    from dashboards.console.routes import Route

_REF = "#/components/schemas/{model}"


def openapi(routes: tuple[Route, ...], version: str) -> dict[str, Any]:
    """OpenAPI 3.1 of every route; pages and streams stand in it with their media type."""
    schemas: dict[str, Any] = {}
    paths: dict[str, Any] = {}
    for route in routes:
        paths.setdefault(route.path, {})[route.method.lower()] = _operation(route, schemas)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Shouwang",
            "version": version,
            "description": "Times are RFC 3339 with offset. Lists are paged: send `next` back as "
            "`cursor`. A refusal is application/problem+json with `title`, `where` and `remedy`.",
        },
        "paths": paths,
        "components": {"schemas": dict(sorted(schemas.items()))},
    }


def _operation(route: Route, schemas: dict[str, Any]) -> dict[str, Any]:
    content: dict[str, Any] = {route.media: {}}
    if route.response is not None:
        content[route.media] = {"schema": _schema(route.response, "serialization", schemas)}
    operation: dict[str, Any] = {
        "summary": route.summary,
        "x-right": route.right.value,
        "x-principal": route.principal.value,
        "parameters": _parameters(route, schemas),
        "responses": {
            "200": {"description": "done", "content": content},
            "default": {
                "description": "refused, with the reason and the remedy",
                "content": {"application/problem+json": {}},
            },
        },
    }
    if route.body is not None:
        operation["requestBody"] = {
            "required": True,
            "content": {"application/json": {"schema": _schema(route.body, "validation", schemas)}},
        }
    return operation


def _parameters(route: Route, schemas: dict[str, Any]) -> list[dict[str, Any]]:
    found = []
    for kind, where in ((route.path_type, "path"), (route.query, "query")):
        schema = TypeAdapter(kind).json_schema(ref_template=_REF)
        schemas.update(schema.get("$defs", {}))
        required = schema.get("required", [])
        for name, shape in schema.get("properties", {}).items():
            found.append({"name": name, "in": where, "required": name in required, "schema": shape})
    return found


def _schema(kind: type[Any], mode: Any, schemas: dict[str, Any]) -> dict[str, Any]:
    schema = TypeAdapter(kind).json_schema(mode=mode, ref_template=_REF)
    schemas.update(schema.pop("$defs", {}))
    schemas[kind.__name__] = schema
    return {"$ref": _REF.format(model=kind.__name__)}


def holes(path: str) -> list[str]:
    """The names in braces of a path."""
    return re.findall(r"\{([a-z_]+)\}", path)
