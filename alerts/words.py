"""Words that every part of the judgement shares: severity, the classes of incidents, languages."""

from enum import IntEnum, StrEnum


class Severity(IntEnum):
    """How bad, rising. INFO opens no duty; CRITICAL is danger to life (ISA-18.2: priority)."""

    INFO = 0
    MINOR = 1
    MAJOR = 2
    CRITICAL = 3


class IncidentClass(StrEnum):
    FIRE = "fire"
    FLOOD = "flood"
    SAFETY = "safety"
    POLLUTION = "pollution"
    UPKEEP = "upkeep"
    WATCH = "watch"  # the service about itself


# Night rings only for these; quiet hours never hold them back.
NIGHT_CLASSES = frozenset({IncidentClass.FIRE, IncidentClass.FLOOD, IncidentClass.SAFETY})
# Recovery of these opens a duty to look again (复查).
SECOND_LOOK_CLASSES = NIGHT_CLASSES | {IncidentClass.POLLUTION}


class Language(StrEnum):
    ZH = "zh"
    EN = "en"
