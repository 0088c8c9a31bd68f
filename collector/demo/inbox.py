"""The demo's phones and mailboxes: a webhook receiver and a mail sink on loopback, and their file.

They check signatures as a real receiver would, and take a notice that comes twice (the same id) as
one, so what the inbox page shows is what people would have seen. Nothing leaves the machine.
"""

import asyncio
import hmac
import json
from email import message_from_bytes
from email.message import Message as Mail
from email.policy import default
from pathlib import Path
from typing import Any

from aiohttp import web
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, Envelope, Session

from alerts.notify.webhook import signature
from collector.demo.inbox_file import lines
from edge.clock import Clock
from edge.contract.secret import Secret


class Inbox:
    """Receives until closed; every message is one line of JSON in ``path``."""

    def __init__(self, path: Path, key: str, clock: Clock) -> None:
        self._path = path
        self._key = Secret(key)
        self._clock = clock
        self._seen = {(line["channel"], line["id"]) for line in lines(path)}
        self._runner: web.AppRunner | None = None
        self._mail: Controller | None = None
        self._loop = asyncio.get_event_loop()
        self.refused = 0
        self.doubles = 0

    @property
    def received(self) -> int:
        """Different notices taken so far."""
        return len(self._seen)

    async def open(self, web_port: int, mail_port: int) -> None:
        app = web.Application(client_max_size=64 * 1024)
        app.router.add_post("/inbox/{person}", self._webhook)
        self._runner = web.AppRunner(app, access_log=None)
        await self._runner.setup()
        await web.TCPSite(self._runner, "127.0.0.1", web_port).start()
        self._loop = asyncio.get_running_loop()
        self._mail = Controller(self, hostname="127.0.0.1", port=mail_port)
        self._mail.start()

    async def close(self) -> None:
        if self._mail is not None:
            self._mail.stop()
        if self._runner is not None:
            await self._runner.cleanup()

    async def _webhook(self, request: web.Request) -> web.Response:
        body = await request.read()
        stamp = request.headers.get("X-Shouwang-Timestamp", "")
        given = request.headers.get("X-Shouwang-Signature", "")
        if not hmac.compare_digest(given, signature(self._key, stamp, body)):
            self.refused += 1
            return web.Response(status=401, text="the signature does not fit the body")
        told: dict[str, Any] = json.loads(body)
        who = request.match_info["person"]
        self._keep("webhook", str(told["id"]), who, told["title"], told["text"], told["language"])
        return web.Response(status=204)

    async def handle_DATA(self, server: SMTP, session: Session, envelope: Envelope) -> str:
        """aiosmtpd's hook; it runs in the mail sink's own thread."""
        content = envelope.content
        mail = message_from_bytes(
            content if isinstance(content, bytes) else (content or "").encode(), policy=default
        )
        body = mail.get_body(("plain",)) if hasattr(mail, "get_body") else None
        text = body.get_content() if body is not None else ""
        to = ", ".join(envelope.rcpt_tos)
        # The file and the set belong to the loop's thread.
        self._loop.call_soon_threadsafe(
            self._keep, "email", _id_of(mail), to, str(mail["Subject"]), text, ""
        )
        return "250 kept"

    def _keep(
        self, channel: str, number: str, to: str, title: str, text: str, language: str
    ) -> None:
        if (channel, number) in self._seen:
            self.doubles += 1
            return
        self._seen.add((channel, number))
        line = {
            "at": self._clock.now().isoformat(),
            "channel": channel,
            "id": number,
            "to": to,
            "title": title,
            "text": text,
            "language": language,
        }
        with self._path.open("a", encoding="utf-8") as file:
            file.write(json.dumps(line, ensure_ascii=False) + "\n")


def _id_of(mail: Mail) -> str:
    return str(mail["Message-ID"])
