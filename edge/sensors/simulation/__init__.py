"""What simulated sensors say: daily curves, storms, charging sessions, and the faults laid over them.

All of it is pure and a function of seed and time, so the same again comes from any round on. Shapes
and figures are proposals of this project after patterns that are known from the field.
"""
