"""The key of links: made once, of its owner alone, the same for whoever comes second."""

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from collector.errors import ConfigError
from collector.link_key import NAME, link_key


def test_two_processes_at_once_have_one_key(tmp_path: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        keys = set(threads.map(lambda _: link_key(tmp_path / "state"), range(8)))
    assert len(keys) == 1
    assert len(keys.pop()) == 32
    assert [path.name for path in (tmp_path / "state").iterdir()] == [NAME]
    assert (tmp_path / "state" / NAME).stat().st_mode & 0o777 == 0o600


def test_a_file_that_holds_no_key_is_named(tmp_path: Path) -> None:
    (tmp_path / NAME).write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"links\.key: holds no key"):
        link_key(tmp_path)
