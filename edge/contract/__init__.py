"""The words both sides speak: readings, metrics, topics, the SenML payload, receipts, comparison.

Standard library only, no I/O, no clock: time comes in as an argument. Someone who writes firmware
in another language needs this folder and the samples in ``golden/``, and nothing else.
"""
