import pytest

from collector.reasons import Why, why

ROWS = [
    ("t", "unknown metric 'x'", Why.UNKNOWN),
    ("t", "unit 'F': water-temp is sent in 'Cel'", Why.UNKNOWN),
    ("t", "laobakou/ph is not bound to device box", Why.UNBOUND),
    ("t", "'a' is not mapped for device box", Why.UNBOUND),
    ("t", "device box of site s is not registered", Why.UNREGISTERED),
    (
        "hj212/ST9",
        "no hj212 device with this address is registered; it spoke from 192.0.2.7",
        Why.UNREGISTERED,
    ),
    (
        "hj212/ST1",
        "device st may not speak from 192.0.2.7; see its option peers",
        Why.UNREGISTERED,
    ),
    ("t", "value must be finite", Why.VALUE),
    ("t", "time 1e+12 s lies before the year 2000 or more than a day ahead", Why.TIME),
    ("t", "not JSON: unexpected character", Why.GARBLED),
    ("t", "dropped by the device: its cap", Why.DROPPED),
    ("t", "cannot be taken in, report this: KeyError()", Why.BUG),
    ("store", "partial write", Why.STORE),
    ("rules", "whatever", Why.RULES),
    ("", "further reasons; the list of dead letters is full", Why.OTHER),
]


@pytest.mark.parametrize(("topic", "reason", "expected"), ROWS, ids=[row[2] for row in ROWS])
def test_a_reason_has_a_class(topic, reason, expected):
    assert why(topic, reason) is expected


def test_a_strangers_words_become_no_class_of_their_own():
    assert {why("t", f"unknown metric '{n}'") for n in range(1_000)} == {Why.UNKNOWN}
