"""Settings that are references, ``env:NAME`` or ``file:PATH``: looked up when the file is read."""

from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

from pydantic import AfterValidator, ValidationInfo

from alerts.secrets import SecretError, is_reference, resolve


def folder(info: ValidationInfo) -> Path:
    return info.context if isinstance(info.context, Path) else Path()


def reference(text: str, info: ValidationInfo) -> str:
    """``file:PATH`` is beside the configuration file, whose folder is the context."""
    if is_reference(text) and text.startswith("file:"):
        text = f"file:{folder(info) / text.removeprefix('file:')}"
    try:
        resolve(text)
    except SecretError as error:
        raise ValueError(str(error)) from error
    return text


def _secret(text: str, info: ValidationInfo) -> str:
    if text and not is_reference(text):
        raise ValueError("write a reference, env:NAME or file:PATH, never the secret itself")
    return reference(text, info)


def _http_url(text: str) -> str:
    parts = urlsplit(text)
    if text and (parts.scheme not in ("http", "https") or not parts.hostname):
        raise ValueError("write http://host:port or https://host")
    if parts.password:
        raise ValueError(
            "a password stands in the URL; write the URL without it, and take it out of use"
        )
    return text.rstrip("/")


Reference = Annotated[str, AfterValidator(reference)]
SecretReference = Annotated[str, AfterValidator(_secret)]
HttpUrl = Annotated[str, AfterValidator(_http_url)]
