"""Whether to send, told as stories of what the server says and does not say."""

import pytest

from edge.contract.status import State
from edge.link.listening import SILENT_SERVER_S, Listening

SOON, LATE = SILENT_SERVER_S - 1, SILENT_SERVER_S


def tell(listening: Listening, story: str) -> str:
    """What each word of the story brings about: begin (+), stop (-), nothing (.)."""
    found = ""
    for word in story.split():
        match word:
            case "connected":
                turn = listening.connected(0.0)
            case "online" | "offline" | "stopping":
                turn = listening.said(State(word), is_retained=False)
            case "retained-online":
                turn = listening.said(State.ONLINE, is_retained=True)
            case "soon" | "late":
                turn = listening.look(SOON if word == "soon" else LATE)
            case "answered":
                turn = listening.answered()  # type: ignore[func-returns-value]
            case "disconnected":
                turn = listening.disconnected()  # type: ignore[func-returns-value]
        found += "." if turn is None else "+" if turn.sends else "-"
    return found


@pytest.mark.parametrize(
    ("story", "turns"),
    [
        ("connected retained-online", ".+"),
        # The same word again is no news; a new birth is, since what it has not received is open.
        ("connected retained-online retained-online online", ".+.+"),
        # The retained word came before our subscription's answer.
        ("retained-online connected", "++"),
        ("connected offline online stopping", ".-+-"),
        # Nothing is sent to a server that is away, however long that is.
        ("connected offline late", ".-."),
        # A server that never says whether it is there is waited for, once.
        ("connected soon late late", "..+."),
        ("connected soon answered late", "...+"),
        ("connected late online", ".++"),
        # Each connection begins anew.
        ("connected disconnected late", "..."),
        ("connected online disconnected connected soon late", ".+...+"),
    ],
)
def test_sending_begins_and_stops_by_what_the_server_says(story, turns) -> None:
    listening = Listening()
    assert tell(listening, story) == turns
    last = turns.rstrip(".")[-1:]
    assert listening.sends is (last == "+" and not story.endswith("disconnected"))


@pytest.mark.parametrize(
    ("story", "is_there", "words"),
    [
        ("connected", False, "not heard"),
        ("connected late", False, "not heard"),
        ("connected late answered", True, "not heard"),
        ("connected online", True, "online"),
        ("connected online answered stopping", False, "stopping"),
        ("connected online disconnected", False, "not heard"),
        ("connected answered disconnected", False, "not heard"),
    ],
)
def test_the_server_is_there_by_its_word_or_by_a_receipt(story, is_there, words) -> None:
    listening = Listening()
    tell(listening, story)
    assert (listening.is_there, listening.words) == (is_there, words)


def test_only_news_is_worth_a_line_in_the_log() -> None:
    listening = Listening()
    said = [listening.said(State.OFFLINE, is_retained=True) for _ in range(2)]
    assert [(turn.news, turn.is_trouble) for turn in said if turn] == [
        ("the server is offline; readings wait here", True), ("", True),
    ]  # fmt: skip


def test_it_is_to_be_looked_at_only_while_a_silent_server_is_waited_for() -> None:
    listening = Listening()
    assert listening.wait_s(0.0) is None
    listening.connected(10.0)
    assert listening.wait_s(12.0) == SILENT_SERVER_S - 2
    listening.said(State.OFFLINE, is_retained=True)
    assert listening.wait_s(12.0) is None
