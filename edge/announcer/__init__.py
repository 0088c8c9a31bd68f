"""The announcer: what a box says aloud, by a voice or a buzzer, until somebody has taken it over.

``agenda`` decides what is said when (pure), ``words`` holds the sentences, ``voice`` says them.
"""
