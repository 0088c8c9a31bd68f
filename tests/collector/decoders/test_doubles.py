"""The numbers of messages that came lately."""

from collector.decoders.doubles import Doubles


def test_the_same_number_of_the_same_device_is_known_for_a_while() -> None:
    doubles = Doubles()
    gauge, other = ("site", "gauge"), ("site", "other")
    assert not doubles.knows(gauge, ("a", 1))
    assert doubles.knows(gauge, ("a", 1))
    assert not doubles.knows(other, ("a", 1))
    assert not doubles.knows(gauge, ("b", 1))
    for count in range(1000):
        doubles.knows(gauge, ("c", count))
    assert doubles.knows(gauge, ("c", 999))
    assert not doubles.knows(gauge, ("a", 1))
