"""docs/notices.md is what the code sends."""

from pathlib import Path

from alerts.notify import page
from alerts.notify.limits import ABOUT
from alerts.packs import shipped
from alerts.rules.packs import read_packs

DOCS = Path(__file__).parents[3] / "docs" / "notices.md"
PACKS = read_packs(shipped())


def test_the_page_is_made_from_the_code() -> None:
    assert DOCS.read_text("utf-8") == page.page(PACKS), (
        "run: python -m alerts.notify.page > docs/notices.md"
    )


def test_every_channel_and_every_rule_is_on_the_page() -> None:
    text = page.page(PACKS)
    assert all(f"| `{kind.value}` | " in text for kind in ABOUT)
    assert all(f"### {rule}\n" in text for rule in PACKS.rules)
    assert "{" not in text.split("## The first message")[1]
