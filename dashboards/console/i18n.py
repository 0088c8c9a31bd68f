"""The console's own words, zh-CN first: ``words/*.toml``, read once."""

import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from alerts.words import Language

FOLDER = Path(__file__).parent / "words"


@dataclass(frozen=True, slots=True)
class Words:
    """One language; a key is ``section.name``, holes are ``{name}``."""

    language: Language
    texts: dict[str, str]

    def __call__(self, key: str, **values: object) -> str:
        """The text of ``key``; KeyError when there is none, so that a test sees it."""
        return self.texts[key].format(**values)

    def either(self, key: str, otherwise: str) -> str:
        """The text of ``key``, or ``otherwise`` where a word of another room is not known here."""
        return self.texts.get(key, otherwise)

    def section(self, name: str) -> dict[str, str]:
        """All texts of a section by their own names: what the page's scripts say."""
        head = name + "."
        return {k.removeprefix(head): v for k, v in self.texts.items() if k.startswith(head)}


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


def language_of(asked: str | None, cookie: str | None) -> Language:
    """The link's wish, else the browser's, else Chinese."""
    for wish in (asked, cookie):
        if wish in (Language.ZH, Language.EN):
            return Language(wish)
    return Language.ZH
