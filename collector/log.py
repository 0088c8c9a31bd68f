"""Structured logs: one JSON object a line on stderr, or plain words when a person is watching.

Facts go in by ``extra={"facts": {...}}``; they must hold no secrets.
"""

import json
import logging
import sys
from datetime import UTC, datetime
from typing import TextIO

LOGGERS_TOO_LOUD = ("paho", "aiohttp.access", "apscheduler", "alembic", "amqtt", "transitions")


class Facts(logging.Formatter):
    """``{"at": ..., "level": ..., "part": ..., "text": ..., ...facts}``; JSON escapes line ends."""

    def __init__(self, process: str) -> None:
        super().__init__()
        self._process = process

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, object] = {
            "at": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname.lower(),
            "process": self._process,
            "part": record.name,
            "text": record.getMessage(),
        }
        facts = getattr(record, "facts", None)
        if isinstance(facts, dict):
            line.update(facts)
        if record.exc_info:
            line["error"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False, default=str)


class Words(logging.Formatter):
    """The same for a person at a terminal."""

    def __init__(self, process: str) -> None:
        super().__init__(f"%(asctime)s {process} %(levelname)s %(name)s: %(message)s", "%H:%M:%S")

    def format(self, record: logging.LogRecord) -> str:
        # What strangers sent may be quoted here, and a terminal obeys control characters.
        text = super().format(record)
        facts = getattr(record, "facts", None)
        if isinstance(facts, dict) and facts:
            text += " " + json.dumps(facts, ensure_ascii=False, default=str)
        return "".join(sign if sign.isprintable() or sign in "\n\t" else "?" for sign in text)


def set_up(process: str, *, level: int = logging.INFO, stream: TextIO | None = None) -> None:
    """Send all logs of this process to ``stream`` (stderr): words on a terminal, else JSON."""
    stream = stream or sys.stderr
    handler = logging.StreamHandler(stream)
    handler.setFormatter(Words(process) if stream.isatty() else Facts(process))
    root = logging.getLogger()
    root.handlers[:] = [handler]
    root.setLevel(level)
    for name in LOGGERS_TOO_LOUD:
        logging.getLogger(name).setLevel(logging.WARNING)
