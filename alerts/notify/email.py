"""E-mail: a notice by SMTP, as text and as HTML."""

import re
import ssl
from dataclasses import dataclass
from datetime import UTC
from email.headerregistry import Address as Mailbox
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime
from enum import StrEnum
from html import escape

import aiosmtplib

from alerts.links import CODE, PREFIX
from alerts.notify.notice import Notice
from alerts.notify.outcome import Accepted, Outcome, Rejected, Retry
from alerts.registry.check import is_mailbox
from alerts.secrets import SecretError, resolve
from edge.clock import Clock

TIMEOUT_S = 15.0  # real seconds, under the dispatcher's deadline
_WANTS_IN = frozenset({530, 534, 535})  # RFC 4954 6


class MailSecurity(StrEnum):
    STARTTLS = "starttls"
    TLS = "tls"
    NONE = "none"  # only for a relay on this machine


@dataclass(frozen=True, slots=True, kw_only=True)
class MailServer:
    """Where mail is handed in. ``username`` and ``password`` may be references."""

    host: str
    port: int = 587
    security: MailSecurity = MailSecurity.STARTTLS
    sender: str = "shouwang@localhost"
    name: str = "守望"
    username: str = ""
    password: str = ""


class Email:
    """The channel ``email``."""

    def __init__(
        self,
        server: MailServer,
        clock: Clock,
        *,
        tls: ssl.SSLContext | None = None,
        timeout_s: float = TIMEOUT_S,
    ) -> None:
        self._server = server
        self._clock = clock
        self._tls = tls
        self._timeout_s = timeout_s

    async def send(self, notice: Notice) -> Outcome:
        server = self._server
        try:
            to = resolve(notice.address.to).reveal()
            username, password = resolve(server.username), resolve(server.password)
        except SecretError as error:
            return Retry(str(error))
        if not is_mailbox(to):
            return Rejected("not a mail address; write name@example.org")
        message = letter(notice, to, server, self._clock)
        try:
            _, said = await aiosmtplib.send(
                message,
                hostname=server.host,
                port=server.port,
                use_tls=server.security is MailSecurity.TLS,
                start_tls=server.security is MailSecurity.STARTTLS,
                tls_context=self._tls,
                username=username.reveal() or None,
                password=password.reveal() or None,
                timeout=self._timeout_s,
            )
        except aiosmtplib.SMTPRecipientsRefused as error:
            first = error.recipients[0]
            return _refused(first.code, first.message)
        except aiosmtplib.SMTPResponseException as error:
            return _refused(error.code, password.mask(error.message))
        except (aiosmtplib.SMTPException, OSError, ValueError) as error:
            why = password.mask(f"{server.host}: {_why_not(error)}")
            # What the server does not offer today it does not offer tomorrow.
            return Rejected(why) if type(error) is aiosmtplib.SMTPException else Retry(why)
        return Accepted(_line(said))

    async def close(self) -> None:
        """Nothing is held: each letter has its own connection."""


def letter(notice: Notice, to: str, server: MailServer, clock: Clock) -> EmailMessage:
    """The mail; its Message-ID is the same for each attempt, its thread is the incident.

    With others merged into it it is another mail: a mailbox shows one Message-ID once.
    """
    message = EmailMessage(policy=SMTP)
    domain = server.sender.rpartition("@")[2]
    born = int(notice.created_at.astimezone(UTC).timestamp() * 1000)
    message["From"] = Mailbox(_line(server.name), addr_spec=server.sender)
    message["To"] = to
    message["Subject"] = _line(notice.title)
    message["Date"] = format_datetime(clock.now())
    message["Message-ID"] = f"<notice-{notice.key}-{born}@{domain}>"
    message["References"] = f"<incident-{notice.incident}@{domain}>"
    # RFC 3834: whoever answers by machine shall not answer this.
    message["Auto-Submitted"] = "auto-generated"
    message["X-Auto-Response-Suppress"] = "All"
    message.set_content(notice.text)
    message.add_alternative(_html(notice), subtype="html")
    return message


def _html(notice: Notice) -> str:
    lines = [escape(line) for line in notice.text.splitlines()]
    if notice.link.startswith(("https://", "http://")):
        # Its own link, and those of what was merged with it; what stands in a name is none.
        base = escape(notice.link.partition(PREFIX)[0])
        ours = re.compile(
            f"{re.escape(escape(notice.link))}|{re.escape(base + PREFIX)}{CODE}", re.ASCII
        )
        lines = [ours.sub(r'<a href="\g<0>">\g<0></a>', line) for line in lines]
    body = "".join(f"<p>{line}</p>\n" for line in lines)
    return (
        f'<!doctype html><html lang="{notice.language.value}"><meta charset="utf-8">'
        f"<title>{escape(notice.title)}</title>\n"
        f'<body style="font-size:17px;line-height:1.5">\n{body}</body></html>\n'
    )


def _why_not(error: Exception) -> str:
    """In words that whoever runs the house can act upon."""
    for each in (error, error.__cause__):
        if isinstance(each, ssl.SSLCertVerificationError):
            what = f"its certificate is not trusted ({each.verify_message})"
            return f"{what}; look at it, and at this machine's clock"
    what = _line(str(error)) or type(error).__name__
    is_other = type(error) is aiosmtplib.SMTPException or isinstance(error.__cause__, ssl.SSLError)
    is_silent = isinstance(error, aiosmtplib.SMTPConnectTimeoutError)
    return f"{what}; look at mail.security and mail.port" if is_other or is_silent else what


def _refused(code: int, said: str) -> Outcome:
    why = f"SMTP {code} {_line(said)}"
    if code in _WANTS_IN:
        why += "; look at mail.username and mail.password"
    return Rejected(why) if code >= 500 else Retry(why)


def _line(text: str) -> str:
    """On one line of at most 200 printable characters: what a header may hold."""
    return "".join(sign if sign.isprintable() else " " for sign in text)[:200].strip()
