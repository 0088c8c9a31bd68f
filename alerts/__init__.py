"""The judgement: rules -> incident -> duty -> notice -> person.

Decisions here are pure functions of state, input and ``now``; the operations database and the
channels are thin. Nothing here knows how readings arrive or where history is kept.
"""
