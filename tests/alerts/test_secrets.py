from pathlib import Path

import pytest

from alerts.secrets import SecretError, is_reference, resolve
from edge.contract.secret import Secret


def test_a_reference_is_looked_up_when_used(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("from the file\n")
    assert resolve("env:KEY", {"KEY": "from the environment"}).reveal() == "from the environment"
    assert resolve(f"file:{file}").reveal() == "from the file"
    file.write_text("changed")
    assert resolve(f"file:{file}").reveal() == "changed"


def test_plain_text_stands_for_itself() -> None:
    assert resolve("https://example.org/hook").reveal() == "https://example.org/hook"
    assert not resolve("")


@pytest.mark.parametrize("text", ["env:NOT_THERE", "file:/not/there", "file:/"])
def test_a_reference_that_leads_nowhere_says_which(text: str) -> None:
    with pytest.raises(SecretError) as error:
        resolve(text, {})
    assert text in str(error.value)


def test_no_form_of_a_secret_shows_it() -> None:
    secret = Secret("geheim")
    shown = f"{secret} {secret!r} {[secret]} {secret!s:>20}"
    assert "geheim" not in shown
    assert secret.mask("key=geheim") == "key=***"


@pytest.mark.parametrize(
    ("text", "is_one"),
    [("env:KEY", True), ("file:key.txt", True), ("env:", False), ("env:1X", False), ("KEY", False)],
)
def test_a_reference_is_recognised(text: str, is_one: bool) -> None:
    assert is_reference(text) is is_one
