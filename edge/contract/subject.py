"""Subject: what a rule judges and an incident is about."""

from dataclasses import dataclass
from enum import StrEnum

from edge.contract.ids import is_id


class SubjectKind(StrEnum):
    PLACE = "place"
    PORT = "port"
    CIRCUIT = "circuit"
    DEVICE = "device"
    CELL = "cell"


@dataclass(frozen=True, slots=True, order=True)
class Subject:
    """A place, a port, a circuit, a device or the cell itself; spelled ``kind:site/id[/id]``."""

    kind: SubjectKind
    site: str
    name: str
    port: str = ""

    def __str__(self) -> str:
        tail = f"/{self.port}" if self.port else ""
        return f"{self.kind.value}:{self.site}/{self.name}{tail}"

    @classmethod
    def parse(cls, text: str) -> "Subject":
        """The subject spelled ``text``; ValueError when it is not one."""
        kind, _, path = text.partition(":")
        parts = path.split("/")
        wanted = 3 if kind in (SubjectKind.PORT, SubjectKind.CIRCUIT) else 2
        if len(parts) != wanted or not all(is_id(part) for part in parts):
            raise ValueError(f"{text!r} is no subject; write e.g. place:riverside/laobakou")
        return cls(SubjectKind(kind), *parts)

    @classmethod
    def of_place(cls, site: str, place: str, port: str = "") -> "Subject":
        return cls(SubjectKind.PORT if port else SubjectKind.PLACE, site, place, port)

    @classmethod
    def of_device(cls, site: str, device: str) -> "Subject":
        return cls(SubjectKind.DEVICE, site, device)
