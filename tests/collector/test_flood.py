from collector.flood import QUIET_S, Allowance, Floods, native
from collector.link.port import Message

LIMITS = Allowance(messages_per_s=10, bytes_per_s=1_000, burst_s=2)


def topic(device: str, kind: str = "readings") -> str:
    return f"shouwang/v1/site/{device}/{kind}"


def message(device: str, size: int = 10, kind: str = "readings") -> Message:
    return Message(topic(device, kind), b"x" * size, False, 1)


def known(topic: str):
    device = native(topic)
    return device if device in {("site", "a"), ("site", "b")} else None


def floods(limits: Allowance = LIMITS) -> Floods:
    return Floods(limits, known)


def test_a_burst_passes_and_the_excess_is_named():
    admitted, over = floods().admit([message("a") for _ in range(25)], 100.0)
    assert len(admitted) == 20
    assert over == {("site", "a"): 5}


def test_the_bucket_fills_again_with_time():
    room = floods()
    room.admit([message("a") for _ in range(25)], 100.0)
    admitted, _ = room.admit([message("a") for _ in range(25)], 100.5)
    assert len(admitted) == 5
    admitted, _ = room.admit([message("a") for _ in range(99)], 1_000.0)
    assert len(admitted) == 20, "it holds a burst and no more"


def test_bytes_count_as_well_and_a_large_message_is_owed():
    room = floods()
    admitted, over = room.admit([message("a", 5_000), message("a", 1)], 100.0)
    assert (len(admitted), over) == (1, {("site", "a"): 1})
    assert room.admit([message("a", 1)], 102.9)[0] == []
    assert len(room.admit([message("a", 1)], 103.1)[0]) == 1


def test_one_flood_takes_nothing_from_another_device():
    room = floods()
    room.admit([message("a") for _ in range(1_000)], 100.0)
    admitted, over = room.admit([message("b") for _ in range(20)], 100.0)
    assert (len(admitted), over) == (20, {})


def test_a_device_that_is_registered_meanwhile_has_a_bucket_of_its_own():
    registered = {("site", "a")}
    room = Floods(LIMITS, lambda topic: device if (device := native(topic)) in registered else None)
    room.admit([message("a") for _ in range(25)], 100.0)
    registered.remove(("site", "a"))
    room.forget()
    assert len(room.admit([message("a")], 100.0)[0]) == 1, "it shares the strangers' now"
    registered.add(("site", "a"))
    room.forget()
    assert room.admit([message("a")], 100.0)[0] == [], "its own is empty as before"


def test_the_last_will_is_heard_in_its_devices_flood():
    room = floods()
    room.admit([message("a") for _ in range(1_000)], 100.0)
    assert len(room.admit([message("a", kind="status")], 100.0)[0]) == 1


def test_devices_that_are_not_registered_share_one_bucket():
    admitted, over = floods().admit([message(f"made-up-{n}") for n in range(100)], 100.0)
    assert (len(admitted), over) == (20, {("", ""): 80})


def test_no_limit_admits_everything():
    room = floods(Allowance(messages_per_s=0, bytes_per_s=0, burst_s=1))
    assert len(room.admit([message("a", 10_000) for _ in range(1_000)], 1.0)[0]) == 1_000


def test_a_flood_is_told_when_it_begins_and_once_when_it_is_over():
    room = floods()
    _, over = room.admit([message("a") for _ in range(25)], 100.0)
    assert room.begun(over, 100.0) == [("site", "a")]
    assert room.begun(over, 101.0) == []
    assert room.ended(101.0 + QUIET_S) == []
    assert room.ended(101.1 + QUIET_S) == [("site", "a")]
    assert room.ended(102.0 + QUIET_S) == []
    assert room.dropped() == {("site", "a"): 5}
