"""The page: one file that asks nothing of anybody, with each ringing drawn and put into words."""

import base64
import hashlib
import re
from html.parser import HTMLParser

import pytest

from collector.cli import main
from collector.demo import scenario
from tests.collector.trial import cell

EVIL = "<script>alert(1)</script>"


@pytest.fixture(scope="module")
def pages(tmp_path_factory) -> dict[str, str]:
    """The page of the recorded week in both languages, of a community with a wicked name."""
    folder = tmp_path_factory.mktemp("pages")
    community = folder / "community"
    community.mkdir()
    for path in scenario.COMMUNITY.glob("*.toml"):
        text = path.read_text("utf-8").replace('"老坝口探头"', f'"{EVIL}"')
        (community / path.name).write_text(text.replace("老坝口河段", f"老{EVIL}坝口"), "utf-8")
    table = [str(community) if w == str(scenario.COMMUNITY) else w for w in cell.TABLE]
    found = {}
    for lang in ("zh", "en"):
        page = folder / f"{lang}.html"
        words = ["replay", *table, "--lang", lang, "--html", str(page), "--against", "shipped"]
        assert main([*words, "--set", "riv-cond-rise.rise=300"]) == 0
        found[lang] = page.read_text("utf-8")
    return found


class Tags(HTMLParser):
    """Every tag, with its attributes."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_it_loads_nothing_and_runs_nothing(pages, lang) -> None:
    tags = Tags(pages[lang]).found
    names = {name for name, _ in tags}
    assert names.isdisjoint({"script", "link", "img", "iframe", "object", "form", "base", "image"})
    attributes = {key for _, given in tags for key in given}
    assert not {key for key in attributes if key.startswith("on")} | attributes & {"src", "style"}
    assert {given["href"] for _, given in tags if "href" in given} == {"#main"}
    assert "url(" not in pages[lang]


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_its_policy_lets_its_own_style_in_and_nothing_else(pages, lang) -> None:
    (policy,) = (g["content"] for _, g in Tags(pages[lang]).found if "http-equiv" in g)
    (style,) = re.findall(r"<style>(.*?)</style>", pages[lang], re.S)
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert policy == (
        f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"
    )


def test_names_from_outside_are_words_and_nothing_else(pages) -> None:
    assert "<script" not in pages["zh"] + pages["en"]
    assert "老＜script＞alert(1)＜/script＞坝口" in pages["zh"]


def test_each_ringing_is_drawn_and_put_into_words(pages) -> None:
    text = pages["zh"]
    begin = text.index('<svg class="plot"')
    plot = text[begin : text.index("</section>", begin)]
    drawing = plot[: plot.index('<ol class="rings">')]
    assert drawing.count('<g class="would red">') == 2
    assert drawing.count('<g class="against red">') == 5
    assert drawing.count('class="shade red"') == 2
    assert drawing.count('class="limit red"') == 2, "the limit of a rise is that of each ringing"
    assert 'class="night"' in drawing
    assert plot.count("<time>") == 2
    assert "【要处理】" in plot
    assert "先通知：张河长" in plot
    assert 'lang="en"' in pages["en"]
    assert "told first: 张河长" in pages["en"]


def test_a_rule_that_is_asked_for_and_silent_shows_how_near_it_came(tmp_path) -> None:
    path = tmp_path / "calm.html"
    words = ["--only", "riv-do-low", "--lang", "en", "--html", str(path)]
    assert main(["replay", *cell.TABLE, *words]) == 0
    text = path.read_text("utf-8")
    assert "would not have rung at all" in text
    assert "It did not ring in this span." in text
    assert 'class="curve"' in text
    assert "lies outside" in text, "oxygen stood far above the limits"
