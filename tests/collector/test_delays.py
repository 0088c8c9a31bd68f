from collector.delays import BOUNDS_S, Delays


def test_a_quantile_lies_within_the_bounds_of_what_was_noted() -> None:
    delays = Delays()
    delays.note(0.0005, 900)
    delays.note(0.045, 90)
    delays.note(0.4, 10)
    assert delays.quantile_s(0.5) < 0.001
    assert 0.04 < delays.quantile_s(0.95) < 0.05
    assert delays.quantile_s(0.99) == 0.05
    assert 0.3 < delays.quantile_s(0.999) < 0.5


def test_what_took_exactly_a_bound_is_within_it() -> None:
    delays = Delays()
    delays.note(0.05)
    assert dict(delays.cumulative())["0.05"] == 1
    assert dict(delays.cumulative())["0.04"] == 0


def test_nothing_noted_and_what_is_beyond_have_an_answer_too() -> None:
    delays = Delays()
    assert delays.quantile_s(0.99) == 0.0
    delays.note(1e6)
    assert delays.quantile_s(0.99) == BOUNDS_S[-1]
    assert delays.cumulative()[-1] == ("+Inf", 1)


def test_a_span_between_two_looks_leaves_out_what_was_before() -> None:
    delays = Delays()
    delays.note(2.0, 1_000)
    before = Delays(delays.counts[:], delays.sum_s)
    delays.note(0.002, 10)
    span = delays.since(before)
    assert sum(span.counts) == 10
    assert span.quantile_s(1.0) == 0.002
    assert abs(span.sum_s - 0.02) < 1e-9
