from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st

from alerts.registry.check import check
from alerts.registry.model import Override, Registry
from alerts.registry.problem import Level, RegistryError
from alerts.registry.toml import examine, read, write

ROOT = Path(__file__).parents[3]
DEMO = ROOT / "collector" / "demo" / "community"

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
registries = st.builds(
    Registry,
    **{
        name: st.lists(st.from_type(kind.__args__[0]), max_size=3).map(tuple)
        for name, kind in Registry.__annotations__.items()
        if name not in ("cell", "revision", "__pydantic_config__")
    },
    cell=TEXT,
    revision=st.integers(0, 2**40),
)


@settings(max_examples=60, deadline=None, phases=[Phase.explicit, Phase.reuse, Phase.generate])
@given(data=st.data())
def test_what_is_written_is_read_back_whatever_it_holds(data: st.DataObject) -> None:
    registry = data.draw(registries)
    with TemporaryDirectory() as folder:
        write(registry, Path(folder))
        back, problems = examine(Path(folder))
    assert repr(back) == repr(registry)  # NaN, for one, is not equal to itself
    assert [str(problem) for problem in problems] == [str(problem) for problem in check(registry)]


def test_the_example_community_has_no_problem_and_survives_export(tmp_path: Path) -> None:
    registry, problems = examine(DEMO)
    assert problems == []
    assert registry is not None
    write(registry, tmp_path / "out")
    assert read(tmp_path / "out") == registry


def test_the_example_community_is_the_one_that_is_promised() -> None:
    registry = read(DEMO)
    kinds = [place.kind.value for place in registry.places]
    assert (kinds.count("reach"), kinds.count("shed"), kinds.count("risk-point")) == (1, 2, 3)
    assert [person.id for person in registry.people if person.is_post] == ["guard"]
    assert len(registry.people) == 7
    homes = [(a.channel, a.to) for person in registry.people for a in person.addresses]
    assert len(homes) == len(set(homes)), "people who share an address get one message"


def test_writing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    first = [file.read_bytes() for file in write(read(DEMO), tmp_path)]
    assert [file.read_bytes() for file in write(read(tmp_path), tmp_path)] == first


def test_an_export_replaces_what_it_no_longer_holds(tmp_path: Path) -> None:
    registry = read(DEMO)
    override = Override(
        rule="do-low", place="laobakou", set={"below": 2.5}, who="zhang", at="2026-11-22", why="x"
    )
    write(replace(registry, overrides=(override,)), tmp_path)
    write(registry, tmp_path)
    assert read(tmp_path) == registry


def test_an_export_keeps_neighbours_and_numbers_of_quality(tmp_path: Path) -> None:
    registry = read(DEMO)
    first, second, *others = registry.places
    override = Override(
        metric="do",
        place=first.id,
        set={"spike_suspect": 0.0},
        who="zhang",
        at="2026-11-22",
        why="x",
    )
    near = (replace(first, neighbours=(second.id,)), second, *others)
    changed = replace(registry, places=near, overrides=(override,))
    write(changed, tmp_path)
    assert read(tmp_path) == changed


def test_an_export_keeps_out_of_a_folder_with_other_tables(tmp_path: Path) -> None:
    (tmp_path / "more.toml").write_text("", "utf-8")
    with pytest.raises(RegistryError, match=r"more\.toml.*folder of its own"):
        write(read(DEMO), tmp_path)


def test_tables_may_be_split_over_files_in_any_way(tmp_path: Path) -> None:
    one = tmp_path / "all.toml"
    one.write_text("\n".join(file.read_text("utf-8") for file in _parts()), "utf-8")
    assert read(one) == read(DEMO)
    assert read(sorted(DEMO.glob("*.toml"))) == read(DEMO)


def _parts() -> list[Path]:
    return sorted(DEMO.glob("*.toml"), key=lambda file: file.name != "sites.toml")


MISTAKES = [
    ("a misspelt key", 'site = "linjiang"\nknd = "reach"',
     "places[a].knd: is not known; did you mean 'kind'?"),
    ("a key of another table", 'site = "linjiang"\nto = "x"',
     "places[a].to: is not known here; remove it"),
    ("a word that is none of the kind", 'site = "linjiang"\nkind = "lake"',
     "places[a].kind: 'lake' is not known; write 'reach', 'shed' or 'risk-point'"),
    ("a missing key", 'site = "linjiang"', "places[a].kind: is missing; add it"),
    ("a number in quotes", 'site = "linjiang"\nkind = "shed"\nlatitude = "28"',
     "places[a].latitude: '28' does not fit; write a number without quotes"),
    ("a name without its language", 'site = "linjiang"\nkind = "shed"\nports = [{ id = "1", names = "x" }]',
     "places[a].ports[1].names: 'x' does not fit; write a table: { ... }"),
]  # fmt: skip


@pytest.mark.parametrize(("keys", "words"), [pytest.param(*row[1:], id=row[0]) for row in MISTAKES])
def test_a_mistake_of_shape_is_named_with_its_remedy(tmp_path: Path, keys: str, words: str) -> None:
    file = tmp_path / "places.toml"
    file.write_text(f'[[places]]\nid = "a"\nnames = {{ zh = "甲" }}\n{keys}\n', "utf-8")
    with pytest.raises(RegistryError) as error:
        read(file)
    assert f"places.toml: {words}" in [str(problem) for problem in error.value.problems]


def test_mistakes_of_all_files_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_text("cell = 5\nplacs = []\n", "utf-8")
    (tmp_path / "b.toml").write_text("this is no toml", "utf-8")
    (tmp_path / "c.toml").write_bytes(b"\xff\xfe")
    (tmp_path / "d.toml").write_text(
        '[[tiers]]\nkind = "shed"\nsteps = [{ role = "guard", wait_s = { mayor = 5, major = "x" } }]\n',
        "utf-8",
    )
    with pytest.raises(RegistryError) as error:
        read(tmp_path)
    lines = [str(problem) for problem in error.value.problems]
    assert "a.toml: cell: 5 does not fit; write a text in quotes" in lines
    assert "a.toml: placs: is not known; did you mean 'places'?" in lines
    assert any(line.startswith("b.toml: no TOML: ") and "line 1" in line for line in lines)
    assert "c.toml: not UTF-8; save it as UTF-8" in lines
    severities = "write info, minor, major, critical"
    assert f"d.toml: tiers[1].steps[1].wait_s.mayor: is no severity; {severities}" in lines
    assert (
        "d.toml: tiers[1].steps[1].wait_s.major: 'x' does not fit; write a number without quotes"
        in lines
    )


def test_a_folder_without_files_and_a_file_that_is_missing_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "sites.toml"):
        with pytest.raises(RegistryError, match=r"no \.toml file lies here|cannot be read"):
            read(path)


def test_a_mistake_beyond_shape_names_the_file_it_stands_in(tmp_path: Path) -> None:
    extra = tmp_path / "extra.toml"
    extra.write_text(
        '[[devices]]\nid = "x-01"\nsite = "linjiang"\nnames = { zh = "甲" }\n'
        'bindings = [{ place = "labakou", metrics = ["rain"] }]\n',
        "utf-8",
    )
    _, problems = examine([*sorted(DEMO.glob("*.toml")), extra])
    assert [str(problem) for problem in problems] == [
        "extra.toml: devices[x-01].bindings[1].place: there is no place 'labakou'; "
        "did you mean 'laobakou'?"
    ]
    assert problems[0].level is Level.ERROR
