from benchmarks.quality import quality


def test_a_short_run_gives_every_figure_and_a_series_takes_less_than_a_kilobyte():
    figures, notes = quality(rounds=1, devices=50)
    assert figures.keys() == notes.keys()
    assert all(float(figure) > 0 for figure in figures.values())
    assert float(figures["quality_bytes_per_series"]) < 1000
