"""Queues of Alibaba Cloud's message service (MNS, 轻量消息队列): signing, and its answers in XML.

Signing, headers and forms of the answers are those of its Python SDK (aliyun-mns-python-sdk,
mns_client.py, MIT), codes those of help.aliyun.com/document_detail/27501: HMAC-SHA1 over verb,
date, ``x-mns-`` headers and path with query; with a token for a time in ``security-token``.
"""

import hmac
import re
from base64 import b64decode, b64encode
from binascii import Error as NotBase64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import format_datetime
from xml.etree import ElementTree

VERSION = "2015-06-06"
BATCH = 16  # the most that the service gives at once
EMPTY = "MessageNotExist"  # with 404: nothing there, or the handle has run out
_HANDLE = re.compile(r"[!-~]{1,1024}")


class Garbled(Exception):
    """No answer of this service."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    handle: str = field(repr=False)
    """By which it is deleted, for as long as nobody else is given it."""
    body: bytes = field(repr=False)
    takes: int
    """How often it was given out, this time included."""


@dataclass(frozen=True, slots=True)
class Trouble:
    """The service's own error."""

    code: str
    text: str


def signed(
    verb: str, resource: str, at: datetime, *, key_id: str, key_secret: str, token: str
) -> dict[str, str]:
    """The headers of a request for ``resource``: path and query, spelt as they go out."""
    date = format_datetime(at.astimezone(UTC), usegmt=True)
    to_sign = f"{verb}\n\n\n{date}\nx-mns-version:{VERSION}\n{resource}"  # no body: no MD5, no type
    signature = b64encode(hmac.digest(key_secret.encode(), to_sign.encode(), "sha1")).decode()
    return {
        "Authorization": f"MNS {key_id}:{signature}",
        "Date": date,
        "security-token": token,
        "x-mns-version": VERSION,
    }


def messages(body: bytes) -> list[Message]:
    """The messages of an answer to a receiving request; Garbled for anything else."""
    root = _parsed(body)
    if _name(root) == "Messages":
        return [_message(each) for each in root if _name(each) == "Message"]
    if _name(root) == "Message":
        return [_message(root)]
    raise Garbled(f"<{_name(root)[:40]}> where messages were asked for")


def trouble(body: bytes) -> Trouble:
    """What an answer says that is an error; Garbled where it is none of the service's."""
    root = _parsed(body)
    if _name(root) != "Error":
        raise Garbled(f"<{_name(root)[:40]}> is no error of the service")
    fields = _fields(root)
    return Trouble(fields.get("Code", ""), fields.get("Message", ""))


def _parsed(body: bytes) -> ElementTree.Element:
    """Elements and text alone: a document type could hold entities that unfold to any size."""
    try:
        text = body.decode("utf-8-sig")  # as text, so that no declaration chooses another encoding
    except UnicodeDecodeError as error:
        raise Garbled("not in UTF-8") from error
    if "<!" in text:
        raise Garbled("a document type, a comment or CDATA, which the service never sends")
    try:
        return ElementTree.fromstring(text)
    except (ElementTree.ParseError, ValueError) as error:
        raise Garbled("no XML, or cut off") from error


def _message(element: ElementTree.Element) -> Message:
    fields = _fields(element)
    handle, takes = fields.get("ReceiptHandle", ""), fields.get("DequeueCount", "")
    if not _HANDLE.fullmatch(handle):
        raise Garbled("a message without a handle")
    return Message(
        handle=handle,
        body=_body(fields.get("MessageBody", "")),
        takes=int(takes) if takes.isascii() and takes.isdigit() and len(takes) < 10 else 1,
    )


def _body(text: str) -> bytes:
    """Base64 by the SDKs' habit; JSON as it is would be no base64."""
    try:
        return b64decode(text, validate=True)
    except (NotBase64, ValueError):
        return text.encode()


def _fields(element: ElementTree.Element) -> Mapping[str, str]:
    return dict(_texts(element))


def _texts(element: ElementTree.Element) -> Iterator[tuple[str, str]]:
    for each in element:
        yield _name(each), (each.text or "").strip()


def _name(element: ElementTree.Element) -> str:
    return element.tag.rpartition("}")[2]  # behind the name space
