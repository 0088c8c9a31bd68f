"""Quality control on line: each reading judged once, as it comes, by the tests of QARTOD.

``control.py`` goes over a batch; each test is a function in a file of its own: ``value.py`` (syntax,
sentinel, gross range), ``moves.py`` (spike, rate of change), ``rest.py`` (flat line, attenuated
signal), ``neighbour.py`` with ``rain.py``. What a series remembers is ``series.py``, what it is
measured against ``limits.py``, which series a reading belongs to ``roster.py``. The clock is judged
where times are mended (``collector/moments.py``, ``collector/decoders/foreign.py``).
docs/quality.md has the formulas.
"""
