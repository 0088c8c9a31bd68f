import pytest
from hypothesis import given
from hypothesis import strategies as st

from alerts.notify.cutting import both, clusters, cut_bytes, cut_chars, cut_middle, fitted, utf8

FAMILY = "👨‍👩‍👧"
SIGNS = st.sampled_from(
    ["火", "a", "é", "e\u0301", FAMILY, "👍🏽", "🇨🇳", "❤️", "각", "𠮷", " ", "。"]
)
WORDS = st.lists(SIGNS, max_size=40).map("".join)


@pytest.mark.parametrize("sign", [FAMILY, "👍🏽", "🇨🇳", "❤️", "e\u0301", "각", "𠮷", "\r\n", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_what_a_reader_sees_as_one_sign_is_one(sign: str) -> None:
    assert list(clusters(f"a{sign}b")) == ["a", sign, "b"]


@given(WORDS)
def test_taking_apart_loses_nothing(text: str) -> None:
    assert "".join(clusters(text)) == text


@given(WORDS, st.integers(3, 200))
def test_a_cut_fits_ends_between_signs_and_says_so(text: str, most: int) -> None:
    short = cut_bytes(text, most)
    assert utf8(short) <= most
    if short != text:
        assert short.endswith("…")
        kept = list(clusters(short[:-1]))
        assert list(clusters(text))[: len(kept)] == kept


@given(st.text(max_size=60), st.integers(3, 80))
def test_a_lone_surrogate_breaks_nothing(text: str, most: int) -> None:
    assert utf8(cut_bytes(text + "\ud83d", most)) <= most


def test_three_thousand_characters_fit_2048_bytes() -> None:
    assert cut_bytes("烟" * 3000, 2048) == "烟" * 681 + "…"


@given(WORDS, WORDS, st.integers(6, 40))
def test_of_two_something_of_each_is_left(first: str, second: str, most: int) -> None:
    first, second = f"棚{first}", f"烟{second}"
    together = both(first, second, most, "：")
    assert len(together) <= most
    assert "：" in together


@pytest.mark.parametrize(
    ("place", "what", "said"),
    [
        ("2 号充电棚 7 号插座", "功率过高", "2 号充电棚 7 号插座：功率过高"),
        (
            "临江社区东苑小区 12 栋北侧 2 号充电棚 7 号插座",
            "功率过高",
            "临江社区东苑小…棚 7 号插座：功率过高",
        ),
        (
            "西湖",
            "插座连接处温度一直升高没有下降超过报警线",
            "西湖：插座连接处温度一直升高没有下降超…",
        ),
    ],
)
def test_a_field_of_20_keeps_the_place_and_the_verb(place: str, what: str, said: str) -> None:
    assert both(place, what, 20, "：") == said
    assert len(said) <= 20


def test_the_middle_of_a_place_is_what_it_can_do_without() -> None:
    assert cut_middle("临江社区东苑小区 2 号充电棚 7 号插座", 14) == "临江社区东苑小… 7 号插座"
    assert cut_middle("短", 14) == "短"


def test_the_link_stays_when_words_are_cut() -> None:
    link = "点开处理：https://x.example/i/7"
    text = "火" * 100 + "\n" + link
    short = fitted(text, 30, len, link)
    assert short == "火" * 3 + "…\n" + link or len(short) <= 30
    assert short.endswith("\n" + link)
    assert fitted("火" * 9, 9, len, "") == "火" * 9


def test_a_link_that_leaves_no_room_gives_way_to_the_words() -> None:
    link = "https://x.example/" + "a" * 50
    assert fitted(f"着火了\n{link}", 20, len, link).startswith("着火了")


def test_characters_are_cut_between_signs() -> None:
    assert cut_chars(f"{FAMILY}{FAMILY}", 7) == f"{FAMILY}…"
