"""What the box drives: a breaker's shunt trip, a relay that holds, a buzzer; by GPIO or Modbus coil.

A switch does one thing: it closes or opens a contact. ``actuator`` makes trip, hold and buzzer of it.
"""
