import pytest

from collector.decoders.patterns import Patterns

KNOWN = ["tele/plug/+", "tele/plug/LWT", "a/#", "application/+/device/70b3/event/up", "b/+/c"]


@pytest.fixture
def tree() -> Patterns[str]:
    found: Patterns[str] = Patterns()
    for pattern in KNOWN:
        found.add(pattern, pattern)
    return found


@pytest.mark.parametrize(
    ("topic", "pattern"),
    [
        ("tele/plug/SENSOR", "tele/plug/+"),
        ("tele/plug/LWT", "tele/plug/LWT"),
        ("tele/plug", None),
        ("tele/plug/a/b", None),
        ("tele/other/LWT", None),
        ("a", "a/#"),
        ("a/b/c/d", "a/#"),
        ("application/7/device/70b3/event/up", "application/+/device/70b3/event/up"),
        ("application/7/device/70b4/event/up", None),
        ("b//c", "b/+/c"),
        ("b/+/c", "b/+/c"),
        ("", None),
        ("/" * 60_000, None),
    ],
)
def test_a_topic_finds_the_nearest_pattern(tree, topic, pattern):
    assert tree.find(topic) == pattern


def test_the_first_to_take_a_pattern_keeps_it(tree):
    tree.add("a/#", "later")
    assert tree.find("a/b") == "a/#"
