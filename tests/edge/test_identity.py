"""What a run says of itself: its id, its topics, its status and its last will."""

from edge import VERSION
from edge.contract.status import State, Status
from edge.contract.topics import Kind
from edge.identity import Identity, new_run

ME = Identity(site="riverside", device="box", run="r1", cuts_ms=(3, 5))


def test_a_runs_id_is_read_by_its_time_and_never_given_twice() -> None:
    one, other = new_run(1_800_000_000_000), new_run(1_800_000_000_000)
    assert one.startswith("20270115-080000-")
    assert one != other


def test_its_topics_are_the_devices_and_the_servers_is_the_sites() -> None:
    assert ME.topic(Kind.COMMAND) == "shouwang/v1/riverside/box/command"
    assert ME.server_topic.startswith("shouwang/v1/riverside/")
    assert ME.server_topic.endswith("/status")
    assert ME.server_topic != ME.topic(Kind.STATUS)


def test_its_status_tells_version_time_nonce_and_the_cut_and_its_will_only_the_run() -> None:
    assert Status.decode(ME.status(State.ONLINE, 7, "n1")) == Status(
        state=State.ONLINE, run="r1", firmware=f"shouwang-edge {VERSION}",
        at_ms=7, nonce="n1", cuts_ms=(3, 5),
    )  # fmt: skip
    assert Status.decode(ME.will) == Status(state=State.OFFLINE, run="r1")
