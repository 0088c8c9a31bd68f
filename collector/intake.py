"""Intake: what a batch of messages says, judged against the registry and what is already held. Pure.

A message becomes readings, dead letters, a device's word (its status, what became of a command or
of its settings) or a question about the time. Readings that are held (on disk, or on their way
there) are doubles. Quality is judged here, once. A device that is not registered is never told that
anything is held, so it keeps what it has until it is registered. A dead letter is judged again as
if it had just come, but for its time of arrival.
"""

from bisect import insort
from collections.abc import Callable, Iterable, Sequence
from collections.abc import Mapping as Map
from dataclasses import replace
from functools import lru_cache
from hmac import compare_digest

import orjson

from alerts.registry.index import devices_of
from alerts.registry.model import Device, Registry
from alerts.rules.inputs import DeviceSaid, GivenUp
from collector.decoders.doubles import Doubles
from collector.decoders.foreign import Mapping, Newest, bind
from collector.decoders.port import Garbled, Told
from collector.foreigners import Foreigners
from collector.house import figure
from collector.judged import Answered, Judged, TimeQuestion
from collector.letters import Again, foreign_records, letter_of, letters_of, record
from collector.link.port import Message
from collector.moments import Moments
from collector.quality.control import QualityControl
from collector.records import stream
from edge.contract.command import decode_result
from edge.contract.metrics import METRICS
from edge.contract.quality import Quality
from edge.contract.ranges import Ranges
from edge.contract.reading import Batch, Decoded, Form, ReadingClass, Rejected
from edge.contract.senml import decode, decode_quick
from edge.contract.settings import decode_reported
from edge.contract.status import State, Status
from edge.contract.topics import SERVER, Kind, Topic
from edge.journal.rows import DeadLetter, Kept

_SUSPECT, _FAIL = int(Quality.SUSPECT), int(Quality.FAIL)
_Key = tuple[str, str, str]
_Held = dict[tuple[str, str], Ranges]
_NONCE_LENGTH = 64
_ABOUT_ITSELF: frozenset[_Key] = frozenset(
    ("", "", name)
    for name, metric in METRICS.items()
    if metric.cls is ReadingClass.HEALTH and not metric.by_house
)
_TOPICS_KNOWN = 2**16  # parsed; some 20 MB when all are taken
_FORMS_KNOWN = 2**16  # that are bound, remembered; some 5 MB when all are taken
_STRANGERS_MOST = 1_000  # runs of strangers remembered; beyond, their readings are counted again

_NO_TALK = "", "", Ranges()
_topic = lru_cache(_TOPICS_KNOWN)(Topic.parse)


class Bindings:
    """Which (place, port, metric) each registered device may speak of; what foreign ones mean."""

    def __init__(self, registry: Registry) -> None:
        self.foreign = Foreigners(registry)
        self._bound: set[Form] = set()
        self._devices = devices_of(registry)

    def knows(self, site: str, device: str) -> bool:
        """Whether this is a registered device of ours."""
        return self._ours(site, device) is not None

    def allows(self, site: str, device: str) -> Callable[[_Key], bool]:
        """What says whether this device may speak of a (place, port, metric)."""
        found = self._ours(site, device)
        if found is None:
            return lambda key: False
        own: dict[tuple[str, str], tuple[str, ...]] = {}
        for binding in found.bindings:
            spot = binding.place, binding.port
            own[spot] = own.get(spot, ()) + binding.metrics
        return lambda key: key[2] in own.get(key[:2], ()) or key in _ABOUT_ITSELF

    def _ours(self, site: str, device: str) -> Device | None:
        found = self._devices.get((site, device))
        return None if found is None or found.is_foreign else found

    def bind(self, batch: Batch) -> bool:
        """Whether the device may speak of all that its batch is about."""
        form = batch.form
        if form in self._bound:  # as nearly always
            return True
        keys = zip(batch.place, batch.port, batch.metric, strict=True)
        if not all(map(self.allows(batch.site, batch.device), set(keys))):
            return False
        if form is not None:
            if len(self._bound) >= _FORMS_KNOWN:
                self._bound.clear()
            self._bound.add(form)
        return True


class Intake:
    """Remembers what is held and what devices last said; everything else comes in as arguments.

    ``held`` is what the journal holds; from then on what intake let pass counts as held, since the
    journal is written in the same order.
    """

    def __init__(self, bindings: Bindings, held: Map[tuple[str, str], Ranges]) -> None:
        self.bindings = bindings
        self.quality = QualityControl()
        self.expected: tuple[str, str] | None = None
        """Site and nonce of the server's own reading that is on its way; it is taken once."""
        self._held: _Held = {key: Ranges(ranges) for key, ranges in held.items()}
        self._talks: dict[str, tuple[str, str, Ranges]] = {}
        """By topic: the stream, its latest run, and what is held of that."""
        self._strange: _Held = {}
        self._said: dict[tuple[str, str], Status] = {}
        self._newest: Newest = {}
        self._doubles = Doubles()
        self._moments = Moments()

    def judge(self, messages: Iterable[Message], now_ms: int) -> Judged:
        """What these messages say, in order."""
        judged, take = Judged(), self._take
        for message in messages:
            judged.counts.messages += 1
            try:
                take(judged, message, now_ms)
            except Exception as error:  # a bug that one message meets must not stop the others
                self._bury(judged, message, f"cannot be taken in, report this: {error!r}", now_ms)
        return judged

    def judge_again(self, letters: Iterable[Kept]) -> list[Again]:
        """What dead letters say now, each as of its arrival; nothing in them is news."""
        again = []
        for letter in letters:
            judged = Judged()
            try:
                why = self._again(judged, letter)
            except Exception as error:
                judged, why = Judged(), f"cannot be taken in, report this: {error!r}"
            if not why and not judged.batches and len(judged.letters) == 1:
                # Refused as a whole once more; for the same reason it may stay where it is.
                same = judged.letters[0].reason == letter.reason
                why = letter.reason if same else ""
            judged.batches = [replace(batch, is_news=False) for batch in judged.batches]
            judged.counts.replayed = sum(len(batch) for batch in judged.batches)
            again.append(Again(letter, Judged() if why else judged, why))
        return again

    def _again(self, judged: Judged, letter: Kept) -> str:
        topic = Topic.parse(letter.topic)
        if topic is None:
            return self._foreign_again(judged, letter)
        if topic.kind not in (Kind.READINGS, Kind.HEALTH):
            return letter.reason  # only readings are judged again
        if not self.bindings.knows(topic.site, topic.device):
            return _not_registered(topic.site, topic.device)
        message = Message(letter.topic, letter.raw, False, 0)
        if not letter.is_part:
            self._readings(judged, message, topic, letter.at_ms)
            return ""
        decoded = self._decoded(message, topic, letter.at_ms)
        if isinstance(decoded, Rejected):
            return letter.reason
        # Their numbers are held since the pack came, and they have stood aside from it alone.
        seqs = orjson.loads(letter.raw)[0].get("seqs") or [decoded.batch.first]
        batch = decoded.batch
        batch.count = len(seqs)
        batch.seq = [seqs[seq - batch.first] for seq in batch.seq]
        batch.form = None  # packs with a form are numbered without gaps
        rejected = [
            replace(one, seq=seqs[one.seq - batch.first])
            for one in decoded.rejected
            if one.seq is not None
        ]
        self._take_in(judged, message, batch, rejected, letter.at_ms, decoded.is_relative)
        return ""

    def _foreign_again(self, judged: Judged, letter: Kept) -> str:
        who = self.bindings.foreign.past(letter.topic, letter.reason)
        if who is None:
            return letter.reason
        message = Message(letter.topic, letter.raw, False, 0)
        # Live values are not measured against what came hours ago, nor the other way round.
        newest: Newest = {}
        if letter.is_part:
            records = foreign_records(letter.raw)
            if records is None:
                return letter.reason
            told = Told(records=records)
        else:
            try:
                told = who.decode(letter.topic, letter.raw, letter.at_ms)
            except Garbled as error:
                return str(error)
        told = replace(told, online=None)
        self._told(judged, message, who.mapping, told, letter.at_ms, newest)
        return ""

    def intervals(
        self, spoke: Iterable[tuple[str, str, int]]
    ) -> dict[str, dict[str, list[tuple[int, int]]]]:
        """By stream and run, the held intervals around these, in order."""
        found: dict[str, dict[str, list[tuple[int, int]]]] = {}
        for name, run, seq in spoke:
            runs = found.get(name)
            pairs = None if runs is None else runs.get(run)
            if pairs is not None and pairs[-1][0] <= seq <= pairs[-1][1]:
                continue
            around = self._held[name, run].around(seq)
            if around is None:
                continue
            if runs is None:
                found[name] = {run: [around]}
            elif pairs is None:
                runs[run] = [around]
            elif around not in pairs:
                insort(pairs, around)
        return found

    # One message: what may go wrong comes first, what is noted as held comes last

    def _take(self, judged: Judged, message: Message, now_ms: int) -> None:
        topic = _topic(message.topic)
        if topic is None:
            self._foreign(judged, message, now_ms)
        elif topic.kind is Kind.READINGS or topic.kind is Kind.HEALTH:
            if message.retained:
                # Old news that the broker kept: whoever retained it, it is never fresh.
                judged.counts.stale += 1
            elif topic.device == SERVER and topic.kind is Kind.HEALTH:
                self._own(judged, message, topic, now_ms)
            else:
                self._readings(judged, message, topic, now_ms)
        elif topic.kind is Kind.STATUS:
            self._status(judged, message, topic, now_ms)
        elif topic.kind is Kind.TIME_REQUEST and not message.retained:
            self._question(judged, message, topic, now_ms)
        elif topic.kind is Kind.COMMAND_RESULT and not message.retained:
            self._answer(judged, message, topic, now_ms)
        elif topic.kind is Kind.CONFIG_REPORTED and message.payload:
            self._report(judged, message, topic, now_ms)

    def _readings(self, judged: Judged, message: Message, topic: Topic, now_ms: int) -> None:
        # As nearly always: the next pack of a known device, in a text that is known.
        batch = decode_quick(message.payload, topic.site, topic.device, now_ms)
        rejected: tuple[Rejected, ...] = ()
        is_relative = False
        if batch is None:
            decoded = self._decoded(message, topic, now_ms)
            if isinstance(decoded, Rejected):
                self._bury(judged, message, decoded.reason, now_ms)
                if self.bindings.knows(topic.site, topic.device):
                    _refuse(judged, topic.site, topic.device, 1)
                return
            batch, rejected, is_relative = decoded.batch, decoded.rejected, decoded.is_relative
            if decoded.dropped and self.bindings.knows(topic.site, topic.device):
                self._announced(judged, message, decoded, now_ms)
        if not self.bindings.bind(batch) and not self.bindings.knows(topic.site, topic.device):
            self._stranger(judged, message, batch, now_ms)
            return
        lo, hi = batch.first, batch.first + batch.count - 1
        name, run, held = self._talks.get(message.topic) or _NO_TALK
        if run != batch.run:  # a device has one run for weeks
            name = stream(batch.site, batch.device)
            held = self._ranges(name, batch.run)
            self._talk(message.topic, (name, batch.run, held))
        new = held.missing(lo, hi)
        if new != [(lo, hi)]:
            is_new = Ranges(new)
            judged.counts.doubles += hi - lo + 1 - is_new.total
            batch = batch.only([i for i, seq in enumerate(batch.seq) if seq in is_new])
            rejected = tuple(r for r in rejected if r.seq is not None and r.seq in is_new)
        self._take_in(judged, message, batch, rejected, now_ms, is_relative)
        self._note(judged, name, batch.run, lo, hi, new, held)

    def _own(self, judged: Judged, message: Message, topic: Topic, now_ms: int) -> None:
        """Our own synthetic reading, known by its nonce; whatever else comes in our name is let go."""
        site, nonce = self.expected or ("", "")
        decoded = self._decoded(message, topic, now_ms) if site == topic.site else None
        if not isinstance(decoded, Decoded) or not compare_digest(decoded.batch.run, nonce):
            judged.counts.strays += 1
            return
        self.expected, batch = None, decoded.batch
        judged.own = figure((site, SERVER), "whole-way", batch.value[0] or 0.0, batch.at_ms[0])

    def _decoded(self, message: Message, topic: Topic, now_ms: int) -> Decoded | Rejected:
        return decode(
            message.payload,
            topic=message.topic,
            site=topic.site,
            device=topic.device,
            now_ms=now_ms,
            loads=orjson.loads,
            any_time=True,
        )

    def _take_in(
        self,
        judged: Judged,
        message: Message,
        batch: Batch,
        rejected: Sequence[Rejected],
        now_ms: int,
        is_relative: bool,
    ) -> None:
        """Readings of a registered device that are new here."""
        dead = len(rejected)
        if dead:
            self._bury_records(judged, message, batch.run, rejected, now_ms)
        shifted = self._moments.mend(batch, now_ms)
        if shifted:
            judged.counts.shifted += shifted
            judged.leads[batch.site, batch.device] = self._moments.lead_ms
        elif is_relative:
            self._moments.keep_apart(batch)
        if not self.bindings.bind(batch):
            dead += len(batch)
            batch = self._bound(judged, message, batch, now_ms)
            dead -= len(batch)
        if dead:
            _refuse(judged, batch.site, batch.device, dead)
        if len(batch):
            self._keep(judged, batch)

    def _foreign(self, judged: Judged, message: Message, now_ms: int) -> None:
        who = self.bindings.foreign.at(message.topic)
        if who is None:
            reason = (
                "neither shouwang/v1/<site>/<device>/<kind> nor the topic of a registered device"
            )
            self._bury(judged, message, reason, now_ms)
            return
        try:
            told = who.decode(message.topic, message.payload, now_ms)
        except Garbled as error:
            self._bury(judged, message, str(error), now_ms)
            _refuse(judged, who.mapping.device.site, who.mapping.device.id, 1)
            return
        if message.retained and (told.records or told.refused):
            judged.counts.stale += (
                1  # the broker's memory: whether it is there is news, what it measured is not
            )
            told = Told(online=told.online)
        self._told(judged, message, who.mapping, told, now_ms)

    def tell(self, mapping: Mapping, told: Told, topic: str, raw: bytes, now_ms: int) -> Judged:
        """What a frame of a foreign device says that came by another way than the broker's."""
        judged = Judged()
        judged.counts.messages += 1
        self._told(judged, Message(topic, raw, False, 0), mapping, told, now_ms)
        return judged

    def _told(
        self,
        judged: Judged,
        message: Message,
        mapping: Mapping,
        told: Told,
        now_ms: int,
        newest: Newest | None = None,
    ) -> None:
        device = mapping.device
        if told.number and self._doubles.knows((device.site, device.id), told.number):
            judged.counts.doubles += len(told.records)
            return
        if newest is None:
            newest = self._newest
        bound = bind(told, mapping, newest, message.topic[:512], now_ms)
        batch = bound.batch
        if bound.rejected:
            self._bury_records(judged, message, None, bound.rejected, now_ms)
            _refuse(judged, device.site, device.id, len(bound.rejected))
        judged.counts.ignored += bound.ignored
        judged.counts.doubles += bound.doubles
        if bound.online is not None:
            state = State.ONLINE if bound.online else State.OFFLINE
            self._say(judged, device.site, device.id, Status(state=state))
        if len(batch):
            self._keep(judged, batch)

    def _keep(self, judged: Judged, batch: Batch) -> None:
        judged.amendments += self.quality.judge(batch)
        judged.counts.readings += len(batch)
        if batch.marks:
            judged.counts.suspect += batch.quality.count(_SUSPECT)
            judged.counts.failed += batch.quality.count(_FAIL)
        judged.batches.append(batch)

    def _stranger(self, judged: Judged, message: Message, batch: Batch, now_ms: int) -> None:
        """Neither held nor told: a dead letter that counts each reading once, however often sent."""
        key = stream(batch.site, batch.device), batch.run
        lo, hi = batch.first, batch.first + batch.count - 1
        if key not in self._strange and len(self._strange) >= _STRANGERS_MOST:
            self._strange.clear()
        seen = self._strange.setdefault(key, Ranges(self._held.get(key, ())))
        count = sum(new_hi - new_lo + 1 for new_lo, new_hi in seen.missing(lo, hi))
        seen.add(lo, hi)
        if count:
            reason = _not_registered(batch.site, batch.device)
            self._bury(judged, message, reason, now_ms, count)

    def _bound(self, judged: Judged, message: Message, batch: Batch, now_ms: int) -> Batch:
        """The part of the batch that the registry binds; the rest is dead."""
        allows = self.bindings.allows(batch.site, batch.device)
        keys = list(zip(batch.place, batch.port, batch.metric, strict=True))
        unbound = [
            Rejected(
                message.topic,
                f"{'/'.join(filter(None, keys[i]))} is not bound to device {batch.device}",
                record(batch, i),
                batch.seq[i],
            )
            for i in range(len(batch))
            if not allows(keys[i])
        ]
        self._bury_records(judged, message, batch.run, unbound, now_ms)
        return batch.only([i for i in range(len(batch)) if allows(keys[i])])

    def _announced(self, judged: Judged, message: Message, decoded: Decoded, now_ms: int) -> None:
        """Readings that the device's own cap dropped: counted once, and settled."""
        name = stream(decoded.batch.site, decoded.batch.device)
        for run, lo, hi, reason in decoded.dropped:
            new = self._ranges(name, run).missing(lo, hi)
            if new:
                count = sum(new_hi - new_lo + 1 for new_lo, new_hi in new)
                raw = orjson.dumps({"run": run, "ranges": new})
                text = f"dropped by the device: {reason or 'no reason given'}"
                judged.letters.append(
                    DeadLetter(
                        topic=message.topic,
                        reason=text,
                        raw=raw,
                        at_ms=now_ms,
                        count=count,
                        is_kept=False,
                    )
                )
                judged.counts.dropped += count
                site, device = decoded.batch.site, decoded.batch.device
                judged.given_up += [
                    GivenUp(site=site, device=device, run=run, lo=one, hi=other, reason=reason)
                    for one, other in new
                ]
            self._note(judged, name, run, lo, hi, new, self._ranges(name, run))

    def _talk(self, topic: str, talk: tuple[str, str, Ranges]) -> None:
        if len(self._talks) >= _TOPICS_KNOWN:
            self._talks.clear()
        self._talks[topic] = talk

    def _note(
        self, judged: Judged, name: str, run: str, lo: int, hi: int, new: list[tuple[int, int]],
        held: Ranges,
    ) -> None:  # fmt: skip
        joined = False
        if new:
            held.add(lo, hi)
            for new_lo, new_hi in new:
                joined = judged.cover(name, run, new_lo, new_hi)
        if not (joined and len(new) == 1):  # else the interval before it has been spoken of
            judged.spoke.append((name, run, lo))

    def _status(self, judged: Judged, message: Message, topic: Topic, now_ms: int) -> None:
        if topic.device == SERVER or not message.payload:
            return  # our own word; or a retained one that somebody cleared
        status = Status.decode(message.payload, orjson.loads)
        if status is None:
            self._bury(judged, message, "no status: {'state': 'online' | 'offline' | ...}", now_ms)
            return
        if not self._is_registered(judged, message, topic, now_ms):
            return
        judged.statuses.append((topic.site, topic.device, status))
        # A new nonce is no news to the rules, and the journal is no place for one.
        self._say(judged, topic.site, topic.device, replace(status, nonce=""))

    def _say(self, judged: Judged, site: str, device: str, status: Status) -> None:
        key = (site, device)
        # Each reconnect brings every retained status again.
        if self._said.get(key) != status:
            self._said[key] = status
            judged.said.append(DeviceSaid(site, device, status))

    def _question(self, judged: Judged, message: Message, topic: Topic, now_ms: int) -> None:
        try:
            body = orjson.loads(message.payload)
        except ValueError:
            body = None
        nonce = body.get("nonce") if isinstance(body, dict) else None
        if not isinstance(nonce, str) or not 0 < len(nonce) <= _NONCE_LENGTH:
            self._bury(judged, message, "a question about the time has a 'nonce'", now_ms)
        elif self.bindings.knows(topic.site, topic.device):
            judged.questions.append(TimeQuestion(topic.site, topic.device, nonce))

    def _answer(self, judged: Judged, message: Message, topic: Topic, now_ms: int) -> None:
        result = decode_result(message.payload, orjson.loads)
        if result is None:
            self._bury(judged, message, "no result: {'verb': ..., 'target': ..., ...}", now_ms)
        elif self._is_registered(judged, message, topic, now_ms):
            judged.counts.presses += result.is_taken
            judged.counts.results += not result.is_taken
            judged.counts.refusals += not (result.is_taken or result.is_done)
            judged.answers.append(Answered(topic.site, topic.device, result, message))

    def _report(self, judged: Judged, message: Message, topic: Topic, now_ms: int) -> None:
        reported = decode_reported(message.payload, orjson.loads)
        if reported is None:
            self._bury(judged, message, "no report: {'revision': ..., 'state': ..., ...}", now_ms)
        elif self._is_registered(judged, message, topic, now_ms):
            judged.reports.append((topic.site, topic.device, reported))

    # Helpers

    def _is_registered(self, judged: Judged, message: Message, topic: Topic, now_ms: int) -> bool:
        """Whether the device is known; a stranger's message is a dead letter."""
        if self.bindings.knows(topic.site, topic.device):
            return True
        self._bury(judged, message, _not_registered(topic.site, topic.device), now_ms)
        return False

    def _ranges(self, name: str, run: str) -> Ranges:
        held = self._held.get((name, run))
        if held is None:
            held = self._held[name, run] = Ranges()
        return held

    def _bury(
        self, judged: Judged, message: Message, reason: str, now_ms: int, count: int = 1
    ) -> None:
        judged.counts.dead += count
        judged.letters.append(letter_of(message, reason, now_ms, count))

    def _bury_records(
        self,
        judged: Judged,
        message: Message,
        run: str | None,
        rejected: Iterable[Rejected],
        now_ms: int,
    ) -> None:
        letters = letters_of(message.topic, run, rejected, now_ms)
        judged.counts.dead += sum(letter.count for letter in letters)
        judged.letters += letters


def _refuse(judged: Judged, site: str, device: str, count: int) -> None:
    judged.refused[site, device] = judged.refused.get((site, device), 0) + count


def _not_registered(site: str, device: str) -> str:
    return f"device {device} of site {site} is not registered"
