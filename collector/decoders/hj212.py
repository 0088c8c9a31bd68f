"""HJ 212-2017 and 2005: what a data segment says, and the answer that it asks for.

Water stations and pollution sources speak it to their bureau; here the station is the client and we
are the server. Times are Beijing's. Marks: CN and Flag bits by HJ 212-2017, own knowledge, checked
against packets of several public receivers; the factor codes are the standard's table B.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from collector.decoders.port import Garbled, Record, Told
from edge.contract.quality import Quality

ANSWER_WANTED = 1  # bit of Flag; the next says "split", the rest are the standard's version
DATA_ANSWER, NOTICE_ANSWER = "9014", "9013"
SYSTEM = "91"  # ST of what the two ends say about the talk itself
# What a CN brings, and which of a factor's values stands for it.
DATA = {"2011": "Rtd", "2051": "Avg", "2061": "Avg", "2031": "Avg"}
# Factor -> (metric, unit as the standard's table has it). One that is not here has no metric of ours.
FACTORS = {
    "w01001": ("ph", ""),
    "w01003": ("turbidity", "NTU"),
    "w01004": ("transparency", "cm"),
    "w01009": ("do", "mg/L"),
    "w01010": ("water-temp", "°C"),
    "w01014": ("conductivity", "µS/cm"),
    "w01016": ("chl-a", "µg/L"),
    "w01017": ("bod5", "mg/L"),
    "w01018": ("cod", "mg/L"),
    "w01019": ("codmn", "mg/L"),
    "w21001": ("tn", "mg/L"),
    "w21003": ("nh3n", "mg/L"),
    "w21011": ("tp", "mg/L"),
    # HJ 212-2005's codes of the same.
    "001": ("ph", ""),
    "010": ("bod5", "mg/L"),
    "011": ("cod", "mg/L"),
    "060": ("nh3n", "mg/L"),
    "065": ("tn", "mg/L"),
    "101": ("tp", "mg/L"),
}
# Data flags of HJ 212-2017, table 9 -> quality and the word that goes with it.
FLAGS = {
    "N": (Quality.NOT_EVALUATED, ""),
    "F": (Quality.MISSING, "the station is stopped"),
    "M": (Quality.MISSING, "the station is being serviced"),
    "S": (Quality.NOT_EVALUATED, "entered by hand"),
    "D": (Quality.FAIL, "the station says: faulty"),
    "C": (Quality.MISSING, "the station is being calibrated"),
    "T": (Quality.SUSPECT, "the station says: beyond its range"),
    "B": (Quality.MISSING, "the station does not reach its meter"),
}
_FIELD = re.compile(r"([A-Za-z0-9_]+)-([A-Za-z]+)=([^;,&]*)")
_HEAD = re.compile(r"([A-Za-z]+)=([^;]*)")
_MOST_FIELDS = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Packet:
    """A data segment taken apart. ``qn`` is empty where a 2005 station leaves it out."""

    mn: str
    cn: str
    st: str = ""
    qn: str = ""
    password: str = ""
    flag: int = 0
    parts: int = 1
    part: int = 1
    at_ms: int | None = None
    """``DataTime``; of a split packet only the first has one."""
    fields: tuple[tuple[str, str, str], ...] = ()
    """(factor, suffix, text)."""

    @property
    def wants_answer(self) -> bool:
        return bool(self.flag & ANSWER_WANTED)

    @property
    def is_data(self) -> bool:
        return self.cn in DATA

    def __repr__(self) -> str:
        return f"Packet(mn={self.mn!r}, cn={self.cn!r}, qn={self.qn!r})"  # never the password


def parse(segment: bytes) -> Packet:
    """The packet in a data segment; Garbled when it is none. Stations write GBK."""
    text = segment.decode("gb18030", "replace")
    head, mark, rest = text.partition("CP=&&")
    if not mark:
        raise Garbled("no CP=&& in the data segment")
    body = rest.partition("&&")[0]
    given = dict(_HEAD.findall(head))
    mn, cn = given.get("MN", "").strip(), given.get("CN", "").strip()
    if not (mn and mn.isascii() and mn.isprintable() and len(mn) <= 64):
        raise Garbled("no MN says which station speaks")
    if not (cn.isascii() and cn.isdigit()):
        raise Garbled(f"CN={cn[:10]!r} is no command number")
    fields = _FIELD.findall(body)
    if len(fields) > _MOST_FIELDS:
        raise Garbled(f"{len(fields)} fields; at most {_MOST_FIELDS}")
    found = re.search(r"DataTime=(\d+)", body)
    return Packet(
        mn=mn,
        cn=cn,
        st=given.get("ST", "").strip(),
        qn=given.get("QN", "").strip(),
        password=given.get("PW", "").strip(),
        flag=_whole(given.get("Flag", "0"), "Flag"),
        parts=_whole(given.get("PNUM", "1"), "PNUM"),
        part=_whole(given.get("PNO", "1"), "PNO"),
        at_ms=moment_ms(found[1]) if found else None,
        fields=tuple(fields),
    )


def told(packet: Packet, at_ms: int | None) -> Told:
    """The records of a data packet measured at ``at_ms`` (its own time, or that of its first part).

    ``name`` is ``w01009`` for real-time values, ``w01009-Avg.2061`` for the means of CN 2061. Means
    have no metric of their own, or they would mix with the real-time values: a mapping takes them.
    """
    suffix = DATA[packet.cn]
    is_live = suffix == "Rtd"
    flags = {factor: text.strip() for factor, kind, text in packet.fields if kind == "Flag"}
    records, refused = [], []
    for factor, kind, text in packet.fields:
        if kind != suffix:
            continue
        metric, unit = FACTORS.get(factor, ("", ""))
        name = factor if is_live else f"{factor}-{suffix}.{packet.cn}"
        flag = flags.get(factor, "N").upper() or "N"
        quality, reason = FLAGS.get(flag, (Quality.SUSPECT, f"the station's flag is {flag[:8]!r}"))
        value = _number(text)
        if value is None and quality is not Quality.MISSING:
            refused.append((f"{name}: {text[:40]!r} is no number", f"{name}={text}".encode()))
            continue
        if quality is Quality.MISSING:
            value = None
        metric = metric if is_live else ""
        records.append(Record(name, value, metric, unit, at_ms, quality, reason, spare=not is_live))
    return Told(records=tuple(records), refused=tuple(refused))


def answer(packet: Packet) -> bytes:
    """The segment that says the packet has come, with its own QN and the same version's Flag."""
    qn = f"QN={packet.qn};" if packet.qn else ""
    cn = NOTICE_ANSWER if packet.cn.startswith("1") else DATA_ANSWER
    flag = f"Flag={packet.flag & ~3};"
    head = f"{qn}ST={SYSTEM};CN={cn};PW={packet.password};MN={packet.mn};{flag}"
    return f"{head}CP=&&&&".encode("ascii", "replace")


def moment_ms(digits: str) -> int:
    """``YYYYMMDDhhmmss`` (milliseconds may follow) in Beijing time; Garbled when it is none."""
    try:
        at = datetime.strptime(digits[:14].ljust(14, "0") + "+0800", "%Y%m%d%H%M%S%z")
    except ValueError as error:
        raise Garbled(f"DataTime={digits[:20]} is no time") from error
    return round(at.timestamp() * 1000)


def _whole(text: str, name: str) -> int:
    text = text.strip()
    if not (text.isascii() and text.isdigit() and len(text) <= 4):
        raise Garbled(f"{name}={text[:10]!r} is no whole number")
    return int(text)


def _number(text: str) -> float | None:
    text = text.strip()
    # float() takes "nan", "1_0" and full-width digits; a station never means them.
    if not re.fullmatch(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d{1,3})?", text, re.ASCII):
        return None
    value = float(text)
    return value if abs(value) < 1e300 else None
