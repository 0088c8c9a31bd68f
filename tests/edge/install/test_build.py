"""The time that has certainly passed, which a wheel carries."""

from edge.install.build import NOT_BEFORE_MS, built_ms


def test_the_time_of_building_is_read_and_garbage_is_not(tmp_path) -> None:
    file = tmp_path / "BUILT"
    assert built_ms(file) == NOT_BEFORE_MS
    for text, at_ms in (
        ("1900000000\n", 1_900_000_000_000),
        ("0", NOT_BEFORE_MS),
        ("x", NOT_BEFORE_MS),
    ):
        file.write_text(text)
        assert built_ms(file) == at_ms
