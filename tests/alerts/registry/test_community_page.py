"""The page's own examples are read, and it names every word that the model has."""

import re
import tomllib
from pathlib import Path

from alerts.registry.model import ChannelKind, Format, PlaceKind, PostRole, Source
from alerts.registry.toml import examine

PAGE = (Path(__file__).parents[3] / "docs" / "community.md").read_text("utf-8")
SAMPLES = re.findall(r"```toml\n(.*?)```", PAGE, re.DOTALL)


def test_every_sample_has_the_right_shape(tmp_path: Path) -> None:
    assert len(SAMPLES) == 11
    for n, sample in enumerate(SAMPLES):
        tomllib.loads(sample)
        (tmp_path / f"{n}.toml").write_text(sample, "utf-8")
    registry, problems = examine(tmp_path)
    assert registry is not None, problems
    # Together they are parts of a community, so the only problems are places that no sample has.
    assert {problem.what for problem in problems if problem.level == "error"} == {
        "there is no place 'laobakou'",
        "there is no person 'wang'",
        "there is no person 'zhou'",
        "there is no post 'guard'",
        "nobody would be told of shed-2",
    }


def test_every_word_of_the_model_is_explained() -> None:
    words = [*PlaceKind, *PostRole, *ChannelKind, *Source, *Format]
    assert [word.value for word in words if f"`{word.value}`" not in PAGE] == []
