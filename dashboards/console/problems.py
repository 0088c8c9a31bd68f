"""What a door answers when it refuses: RFC 9457 problems that say what, where and the remedy."""

import json
from typing import Any

from aiohttp import web
from pydantic import ValidationError


class Problem(Exception):
    """Answered as ``application/problem+json``; ``where`` names the part of the call that is wrong."""

    def __init__(self, status: int, title: str, *, where: str = "", remedy: str = "") -> None:
        super().__init__(title)
        self.status, self.title, self.where, self.remedy = status, title, where, remedy

    @property
    def body(self) -> dict[str, Any]:
        body: dict[str, Any] = {"type": "about:blank", "title": self.title, "status": self.status}
        if self.where:
            body["where"] = self.where
        if self.remedy:
            body["remedy"] = self.remedy
        return body

    def response(self) -> web.Response:
        text = json.dumps(self.body, ensure_ascii=False)
        return web.Response(status=self.status, text=text, content_type="application/problem+json")


def from_validation(error: ValidationError, part: str) -> Problem:
    """Every mistake of a path, query or body in one problem."""
    mistakes = []
    for mistake in error.errors(include_url=False, include_context=False, include_input=False):
        name = ".".join(str(step) for step in mistake["loc"])
        mistakes.append(f"{name}: {mistake['msg']}" if name else mistake["msg"])
    return Problem(
        400,
        f"the {part} does not fit",
        where="; ".join(mistakes),
        remedy="GET /api/v1/openapi.json says what this call takes",
    )
