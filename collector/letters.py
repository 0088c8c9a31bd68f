"""What intake refuses, as dead letters, and what is read out of them again. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import orjson

from collector.decoders.port import Record
from collector.judged import Judged
from collector.link.port import Message
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.reading import Batch, Rejected
from edge.contract.senml import MAX_BYTES
from edge.contract.topics import Topic
from edge.journal.rows import DeadLetter, Kept

_TOPIC_LENGTH = 512


@dataclass(frozen=True, slots=True)
class Again:
    """A dead letter judged again; ``why`` says why it stays one, "" when it does not."""

    letter: Kept
    judged: Judged
    why: str = ""

    def renamed(self) -> DeadLetter:
        """The letter under the reason of now."""
        old = self.letter
        return DeadLetter(
            topic=old.topic,
            reason=self.why,
            raw=old.raw,
            at_ms=old.at_ms,
            count=old.count,
            is_part=old.is_part,
            is_numbered=Topic.parse(old.topic) is not None,
        )


def letter_of(message: Message, reason: str, now_ms: int, count: int = 1) -> DeadLetter:
    """A message that is refused as a whole."""
    return DeadLetter(
        topic=message.topic[:_TOPIC_LENGTH],
        reason=reason,
        raw=message.payload[:MAX_BYTES],
        at_ms=now_ms,
        count=count,
        is_numbered=Topic.parse(message.topic) is not None,
    )


def letters_of(
    topic: str, run: str | None, rejected: Iterable[Rejected], now_ms: int
) -> list[DeadLetter]:
    """One letter per reason, with its records as a pack that can be judged again."""
    by_reason: dict[str, list[Rejected]] = {}
    for one in rejected:
        by_reason.setdefault(one.reason, []).append(one)
    return [
        DeadLetter(
            topic=topic[:_TOPIC_LENGTH],
            reason=reason,
            raw=_pack(run, records),
            at_ms=now_ms,
            count=len(records),
            is_part=True,
            is_numbered=run is not None,
        )
        for reason, records in by_reason.items()
    ]


def foreign_records(raw: bytes) -> tuple[Record, ...] | None:
    """The records in a foreign device's letter; None when one of them never was one."""
    records = [_foreign_record(part) for part in orjson.loads(raw)]
    found = tuple(record for record in records if record is not None)
    return found if len(found) == len(records) else None


def record(batch: Batch, i: int) -> bytes:
    """One reading of the batch as a SenML record without need of a base."""
    name = "/".join(filter(None, (batch.place[i], batch.port[i], batch.metric[i])))
    body: dict[str, object] = {"n": name, "t": batch.at_ms[i] / 1000, "q": batch.quality[i]}
    reason = batch.reasons.get(i, "")
    if batch.value[i] is None:
        body["vs"] = reason or "no value"
    else:
        body |= {"u": METRICS[batch.metric[i]].senml, "v": batch.value[i]}
        if reason:
            body["why"] = reason
    return orjson.dumps(body)


def _pack(run: str | None, records: Sequence[Rejected]) -> bytes:
    """Refused records as a pack; ``seqs`` are their numbers, which need not be consecutive.

    Those of a foreign device have no run and stay as they are, in a list.
    """
    parts = [_record(one.raw) for one in records]
    if run is None:
        return orjson.dumps(parts)
    numbers = [one.seq for one in records]
    return orjson.dumps([{"run": run, "seq": numbers[0], "seqs": numbers} | parts[0], *parts[1:]])


def _record(raw: bytes) -> dict[str, object]:
    """A refused record; what is none, or was cut short, is never taken for one again."""
    try:
        body = orjson.loads(raw)
    except ValueError:
        body = raw.decode("utf-8", "replace")
    return body if isinstance(body, dict) else {"refused": body}


def _foreign_record(part: object) -> Record | None:
    """What ``collector.decoders.foreign`` wrote of a record that led nowhere."""
    if not isinstance(part, dict) or not {"name", "value", "unit"} <= part.keys():
        return None
    return Record(
        name=part["name"],
        value=part["value"],
        metric=part.get("metric", ""),
        unit=part["unit"],
        at_ms=part.get("at_ms"),
        quality=Quality(part.get("quality", Quality.NOT_EVALUATED)),
        reason=part.get("reason", ""),
    )
