"""The console's own words, zh-CN first: ``words/*.toml``, read once."""

import re
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from string import Formatter

from alerts.words import Language

FOLDER = Path(__file__).parent / "words"
_FORMATTER = Formatter()
_MEET = re.compile(r"[\u3400-\u9fff][A-Za-z0-9]|[A-Za-z0-9][\u3400-\u9fff]")


@dataclass(frozen=True, slots=True)
class Words:
    """One language; a key is ``section.name``, holes are ``{name}``."""

    language: Language
    texts: dict[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key``; KeyError when there is none, so that a test sees it.

        Where a hole's filling and what stands beside it meet as Han and Latin, a space is put.
        """
        text = ""
        for literal, hole, form, _ in _FORMATTER.parse(self.texts[key]):
            text = joined(text, literal)
            if hole is not None:
                text = joined(text, format(values[hole], form or ""))
        return text

    def either(self, key: str, otherwise: str) -> str:
        """The text of ``key``, or ``otherwise`` where a word of another room is not known here."""
        return self.texts.get(key, otherwise)

    def section(self, name: str) -> dict[str, str]:
        """All texts of a section by their own names: what the page's scripts say."""
        head = name + "."
        return {k.removeprefix(head): v for k, v in self.texts.items() if k.startswith(head)}


def joined(left: str, right: str) -> str:
    """The two as one, with a space where Han meets Latin letters or digits."""
    return f"{left} {right}" if _MEET.fullmatch(left[-1:] + right[:1]) else left + right


@cache
def words(language: Language) -> Words:
    with (FOLDER / f"{language.value}.toml").open("rb") as file:
        sections = tomllib.load(file)
    return Words(
        language,
        {
            f"{section}.{name}": text
            for section, texts in sections.items()
            for name, text in texts.items()
        },
    )


def language_of(
    asked: str | None, cookie: str | None, otherwise: Language = Language.ZH
) -> Language:
    """The address's wish, else the browser's, else ``otherwise``."""
    for wish in (asked, cookie):
        if wish in (Language.ZH, Language.EN):
            return Language(wish)
    return otherwise
