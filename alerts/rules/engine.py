"""The engine: the journal's entries in, transitions out; the same entries give the same transitions.

Pure: no I/O, no clock, no randomness. All of its state is in ``dump``.
"""

import gc
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial

from alerts.registry.model import Registry
from alerts.rules.aside import Aside
from alerts.rules.book import Book
from alerts.rules.ears import Ears
from alerts.rules.faults import Chairs, Fault, fresh
from alerts.rules.house import HouseTime
from alerts.rules.inputs import (
    DeviceSaid,
    Entry,
    PacksRevised,
    RegistryRevised,
    Sight,
    Standing,
    Stands,
    Tick,
    Warning,
)
from alerts.rules.packs import PackError, Packs, Problem, problems, read_packs
from alerts.rules.plan import Key, Plan
from alerts.rules.planning import plan
from alerts.rules.rule import DeviceState, Ear, HearingState, Seat, Shift, State, Word, numbers
from alerts.rules.snapshot import Snapshot
from alerts.rules.transition import SOURCE, UNTRUSTED, Change, Transition
from alerts.words import Severity
from edge.contract.quality import WITHHELD
from edge.contract.reading import Batch, Form
from edge.contract.subject import Subject

TOLD_KEPT = 100_000  # positions: more than come in between a look at the database and its record
FORMS_KNOWN = 2**16  # some 10 MB when all are taken
Heard = tuple[tuple[int, tuple[int, ...]], ...]
"""Index of a reading in its pack, and of the ears that hear it."""
_BEHIND_ALL = 2**62  # the order of books that no state of the plan has
_WITHHELD = frozenset(int(quality) for quality in WITHHELD)


class Engine:
    """Feed it the entries of one journal in order; ``position`` is the last one fed."""

    def __init__(self, journal: str) -> None:
        self.journal = journal
        self.position = 0
        self._registry = Registry()
        self._packs = Packs()
        self._house = HouseTime()
        self._plan = Plan()
        self._books: dict[tuple[str, str], Book] = {}
        self._listening: dict[Form, tuple[Heard, Sequence[Ear]]] = {}
        """By form of a pack, which of its readings are heard by which ears; worked out from the plan."""
        self._patterns: dict[Heard, Heard] = {}
        """Of forms that are heard alike, one object."""
        self._waiting: dict[int, State] = {}
        self._doubtful: frozenset[int] = frozenset()
        self._pack_problems: tuple[Problem, ...] = ()
        self._misfits: list[Problem] | None = None
        """Of these packs and this registry, once somebody has asked."""
        self._aside: dict[Key, Fault] = {}
        self._chairs = Chairs(self._plan)
        self._teller: Aside | None = None
        self._told_at: dict[tuple[str, str], int] = {}
        """By (rule, subject), the position of its last transition, if that was of late."""
        self._out: list[Transition] = []
        self._nth: dict[tuple[str, str], int] = {}
        self._entry = Entry(0, 0, Tick())

    @property
    def packs(self) -> Packs:
        """The rules that are running."""
        return self._packs

    @property
    def registry(self) -> Registry:
        return self._registry

    @property
    def refused(self) -> tuple[Problem, ...]:
        """What is wrong with the packs that were to run; those before them run."""
        return self._pack_problems

    @property
    def told(self) -> int:
        """The position of the last transition; 0 before the first."""
        return max(self._told_at.values(), default=0)

    @property
    def problems(self) -> list[Problem]:
        """Packs that were refused, numbers that do not fit, and rules that are set aside."""
        if self._misfits is None:  # thousands of overrides are not looked through each second
            self._misfits = [
                problem for problem in problems(self._packs, self._registry) if not problem.warning
            ]
        found = [*self._pack_problems, *self._misfits]
        for (rule, subject, _), fault in self._aside.items():
            if not fault.error:
                continue
            where = f"rule {rule!r} on {subject}"
            remedy = f"{fault.stands}; report it"
            found.append(Problem(self._packs.homes.get(rule, ""), where, fault.error, remedy))
        return found

    def feed(self, entry: Entry) -> list[Transition]:
        """What this entry changes; nothing when it was fed before."""
        if entry.position <= self.position:
            return []
        self.position = entry.position
        self._entry, self._out, self._nth = entry, [], {}
        self._house.arrive(entry.at_ms)
        what = entry.what
        if isinstance(what, Batch):
            self._take(what)
        elif isinstance(what, Tick):
            self._tick()
        elif isinstance(what, Sight):
            self._house.sight(what, entry.at_ms)
        elif isinstance(what, DeviceSaid):
            if ears := self._plan.of(what.site, what.device):
                for state in ears.judges:
                    self._guarded(state, partial(self._word, what.status.state.value))
        elif isinstance(what, Warning):
            self._warn(what)
        elif isinstance(what, Standing):
            self._stand(what)
        elif isinstance(what, RegistryRevised):
            self._revise(self._packs, what.registry)
        elif isinstance(what, PacksRevised):
            self._revise_packs(what.packs)
        return self._out

    def dump(self) -> bytes:
        """All of the engine as JSON."""
        return b"".join(self.dump_in_pieces())

    def dump_in_pieces(self) -> Iterator[bytes]:
        """The same; nothing may be fed until it has ended."""
        return Snapshot(
            journal=self.journal,
            position=self.position,
            registry=self._registry,
            packs=dict(self._packs.texts),
            problems=self._pack_problems,
            house=self._house,
            aside={key: fault.dump() for key, fault in self._aside.items()},
            told=[[*key, position] for key, position in self._lately_told().items()],
            books=[book.dump() for book in self._standing()],
            states=((state.key, state.dump()) for state in self._chairs.states()),
        ).encode()

    @classmethod
    def load(cls, data: bytes) -> "Engine":
        """The engine that ``dump`` gave; ValueError when it is of another version or damaged."""
        # A hundred thousand states are made and nothing is thrown away: looking for garbage
        # between them took more than half of the time.
        collects = gc.isenabled()
        gc.disable()
        try:
            return cls._load(Snapshot.decode(data))
        finally:
            if collects:
                gc.enable()

    @classmethod
    def _load(cls, snapshot: Snapshot) -> "Engine":
        engine = cls(snapshot.journal)
        engine.position = snapshot.position
        engine._registry = snapshot.registry
        engine._packs = read_packs(snapshot.packs)
        engine._pack_problems = snapshot.problems
        engine._house = snapshot.house
        engine._told_at = {(rule, subject): position for rule, subject, position in snapshot.told}
        engine._use_plan(plan(engine._packs, engine._registry, engine._house))
        known = engine._plan.known()
        for key, data in snapshot.states:
            if state := engine._plan.find(key, known, data):
                state.load(data)
        for key, failed in snapshot.aside.items():
            if (state := engine._plan.find(key, known)) is not None:
                engine._aside[key] = fault = Fault.load(failed)
                if fault.tried_ms is None:
                    engine._chairs.clear(state)
                else:
                    engine._chairs.try_out(state, fault)
        engine._open_books()  # it reads the states' levels
        for dumped in snapshot.books:
            if book := engine._book_of(dumped[0], dumped[1], known):
                book.load(dumped)
        engine._gather_waiting()
        return engine

    def _take(self, batch: Batch) -> None:
        ears = self._plan.of(batch.site, batch.device)
        if ears is None:
            return
        if batch.form is not None:
            self._take_form(batch, batch.form, ears)
        else:
            watched_ms = self._house.watched_ms
            heard: dict[tuple[str, str, str], Sequence[Ear]] = {}
            for place, port, metric, value, at_ms, quality in zip(
                batch.place,
                batch.port,
                batch.metric,
                batch.value,
                batch.at_ms,
                batch.quality,
                strict=True,
            ):
                if quality in _WITHHELD or value is None:
                    continue
                series = place, port, metric
                those = heard.get(series)
                if those is None:
                    those = heard[series] = self._plan.hear(ears, *series)
                for ear in those:
                    try:
                        shifts = ear.take(value, at_ms, watched_ms)
                    except Exception as error:
                        self._set_aside(ear.state, error)
                        continue
                    if shifts is not None:
                        self._after(ear.state, shifts)
        if len(batch) and batch.is_news:
            for judge in ears.judges:
                self._guarded(judge, self._heard)

    def _take_form(self, batch: Batch, form: Form, ears: Ears) -> None:
        """The same for a pack whose form has been met: only what a rule listens to is looked at."""
        known = self._listening.get(form)
        if known is None:
            known = self._listen(form, ears)
        watched_ms, at_ms, values, qualities = (
            self._house.watched_ms, batch.at_ms[0], batch.value, batch.quality,
        )  # fmt: skip
        heard, those = known
        for i, by in heard:
            value = values[i]
            if qualities[i] in _WITHHELD or value is None:
                continue
            for n in by:
                ear = those[n]
                try:
                    shifts = ear.take(value, at_ms, watched_ms)
                except Exception as error:
                    self._set_aside(ear.state, error)
                    continue
                if shifts is not None:
                    self._after(ear.state, shifts)

    def _listen(self, form: Form, ears: Ears) -> tuple[Heard, Sequence[Ear]]:
        """Who hears which reading of this form. What is the same for many devices is one object."""
        those: list[Ear] = []
        heard = []
        for i, series in enumerate(zip(form.place, form.port, form.metric, strict=True)):
            found = self._plan.hear(ears, *series)
            if found:
                heard.append((i, tuple(range(len(those), len(those) + len(found)))))
                those += found
        if len(self._listening) >= FORMS_KNOWN:
            self._listening.clear()
        shape = tuple(heard)
        whole = next((spot.ears for spot in ears.spots if spot.ears == tuple(those)), None)
        known = self._patterns.setdefault(shape, shape), whole or tuple(those)
        self._listening[form] = known
        return known

    def _tick(self) -> None:
        watched_ms = self._house.watched_ms
        if self._aside:
            self._try_again()
        for order in sorted(self._waiting):
            # Who hears another rule may have stopped waiting by what that one has just said.
            if waiting := self._waiting.get(order):
                self._guarded(waiting, lambda state: state.wait(watched_ms))
        for hearing in tuple(self._plan.warned.values()):
            for hearer in hearing:
                self._guarded(hearer, self._passed)
        if self._house.sees:
            for devices in self._plan.ears.values():
                for ears in devices.values():
                    for judge in ears.judges:
                        self._guarded(judge, self._look)

    def _warn(self, warning: Warning) -> None:
        for site in warning.sites:
            for state in tuple(self._plan.warned.get(site, ())):
                self._guarded(state, partial(self._warned, warning))

    def _warned(self, warning: Warning, state: State) -> Sequence[Shift]:
        assert isinstance(state, HearingState)
        return state.warned(warning, self._entry.at_ms, self._house.watched_ms)

    def _passed(self, state: State) -> Sequence[Shift]:
        assert isinstance(state, HearingState)
        return state.passed(self._entry.at_ms, self._house.watched_ms)

    def _heard(self, state: State) -> Sequence[Shift]:
        assert isinstance(state, DeviceState)
        return state.heard(self._entry.at_ms, self._house.watched_ms)

    def _word(self, word: str, state: State) -> Sequence[Shift]:
        assert isinstance(state, DeviceState)
        state.said(word)
        return ()

    def _look(self, state: State) -> Sequence[Shift]:
        assert isinstance(state, DeviceState)
        house = self._house
        return state.look(self._entry.at_ms, house.watched_ms, house.seeing_ms)

    def _guarded(self, state: State, act: Callable[[State], Sequence[Shift]]) -> None:
        try:
            shifts = act(state)
        except Exception as error:
            self._set_aside(state, error)
            return
        if self._aside and (fault := self._aside.get(state.key)):
            fault.ran += 1
        self._after(state, shifts)

    def _after(self, state: State, shifts: Sequence[Shift]) -> None:
        """Write down what a state has brought, and whether it now waits for time to pass."""
        if self._chairs.is_out(state):
            return
        try:
            waits = state.waits()
        except Exception as error:
            self._set_aside(state, error)
            return
        if waits:
            self._waiting[state.order] = state
        else:
            self._waiting.pop(state.order, None)
        if not shifts:
            return
        if self._aside and (fault := self._aside.get(state.key)):
            fault.level = None  # it speaks for itself from now on
        book = self._book(state)
        what = self._entry.what
        doubtful = state.order in self._doubtful or (isinstance(what, Batch) and what.untrusted)
        for shift in shifts:
            self._note(book, state.device, shift, state.device, doubtful)

    def _note(
        self, book: Book, line: str, shift: Shift, device: str = "", doubtful: bool = False
    ) -> None:
        """Into this line of the book; what that changes is told, and passed on."""
        change = book.note(line, shift)
        if change is not None:
            self._tell(book, change, shift, device, doubtful)
            self._pass_on(book, shift.at_ms)

    def _pass_on(self, book: Book, at_ms: int) -> None:
        """Let the rules hear it that judge by this one's word."""
        for state in self._plan.hearing.get(book.subject.site, {}).get(book.place, ()):
            if book.rule.id in state.rule.rules_heard:
                self._guarded(state, partial(self._told, book, at_ms))

    def _told(self, book: Book, at_ms: int, state: State) -> Sequence[Shift]:
        assert isinstance(state, HearingState)
        word = Word(book.rule.id, str(book.subject), book.severity, book.since_ms)
        return state.told(word, at_ms, self._house.watched_ms)

    def _tell(
        self, book: Book, change: Change, shift: Shift, device: str, doubtful: bool = False
    ) -> None:
        key = (book.rule.id, str(book.subject))
        nth = self._nth.get(key, 0)
        self._nth[key] = nth + 1
        self._told_at[key] = self.position
        self._out.append(
            Transition(
                rule=book.rule.id,
                subject=book.subject,
                journal=self.journal,
                position=self.position,
                nth=nth,
                change=change,
                cls=book.rule.cls,
                severity=book.shown,
                at_ms=shift.at_ms,
                since_ms=book.since_ms,
                seen_ms=self._entry.at_ms,
                place=book.place,
                port=book.port,
                device=device or book.device,
                metric=shift.metric or book.rule.metric,
                value=shift.value,
                limit=shift.limit,
                peak=shift.peak,
                facts=dict(shift.facts or {}) | ({SOURCE: UNTRUSTED} if doubtful else {}),
            )
        )

    # A rule that raises

    def _set_aside(self, state: State, error: Exception) -> None:
        """It is out until it is tried again; what it said last stands, and that it failed is told."""
        if self._chairs.is_out(state):
            return
        key = state.key
        fault = self._aside.setdefault(key, Fault())
        self._chairs.clear(state)
        self._listening.clear()
        self._waiting.pop(state.order, None)
        if book := self._books.get(key[:2]):
            fault.level = book.levels.get(state.device)
        fault.failed(error, self._house.watched_ms)
        self._say_failed(state, fault, self._fault_level(state))

    def _try_again(self) -> None:
        """Put back what has waited long enough; believe what has run through for a while."""
        watched_ms = self._house.watched_ms
        due: dict[str, list[Key]] = {}
        for key, fault in list(self._aside.items()):
            if fault.is_due(watched_ms):
                due.setdefault(key[0], []).append(key)
            elif fault.is_proven(watched_ms):
                self._believe(key, fault)
        for keys in due.values():
            self._renew(keys)

    def _renew(self, keys: Sequence[Key]) -> None:
        """Fresh states of one rule go on trial."""
        try:
            found = fresh(keys, self._packs, self._registry, self._house)
        except Exception as error:
            for key in keys:
                self._aside[key].failed(error, self._house.watched_ms)
            return
        for key, state in found.items():
            self._try(key, state)

    def _try(self, key: Key, state: State) -> None:
        """A fresh state goes on trial in the place of the one that failed."""
        fault = self._aside[key]
        fault.begin(self._house.watched_ms)
        self._chairs.seat(key, state, fault)
        self._listening.clear()
        self._after(state, ())
        if isinstance(state, HearingState):
            for book in self._standing():  # it has not been told what stands
                if book.rule.id in state.rule.rules_heard and self._is_near(book, state):
                    self._guarded(state, partial(self._told, book, self._entry.at_ms))

    def _is_near(self, book: Book, state: State) -> bool:
        here = self._plan.hearing.get(book.subject.site, {}).get(book.place, ())
        return any(each is state for each in here)

    def _believe(self, key: Key, fault: Fault) -> None:
        """The fresh state has run through: the fault is over, and what the state says holds."""
        del self._aside[key]
        state = self._chairs.believe(key)
        self._listening.clear()
        if fault.level is not None:
            book = self._book(state)
            facts = {"reason": "tried again"}
            end = Shift(self._entry.at_ms, book.since_ms, state.severity(), facts=facts)
            self._note(book, key[2], end, doubtful=state.order in self._doubtful)
        self._say_failed(state, fault, None)

    def _say_failed(self, state: State, fault: Fault, severity: Severity | None) -> None:
        """By the rule of the packs that tells of failed rules, if there is one."""
        if book := self._fault_book(state.seat):
            at_ms = self._entry.at_ms
            since_ms = at_ms if book.severity is None else book.since_ms
            shift = Shift(at_ms, since_ms, severity, facts=fault.facts(state.rule.id))
            self._note(book, _line(state.key), shift)

    def _fault_level(self, state: State) -> Severity | None:
        return self._teller.severity_for(state.rule.cls) if self._teller else None

    def _fault_book(self, seat: Seat) -> Book | None:
        """Of the rule that tells of failed rules, at this subject; None when it is not judged there."""
        if self._teller is None:
            return None
        key = self._teller.id, str(seat.subject)
        if key not in self._books:
            made = numbers(self._registry.overrides, key[0], seat.subject.site, seat.place)
            if not made.get("on", self._teller.on):
                return None
            self._books[key] = Book(self._teller, seat, _BEHIND_ALL)
        return self._books[key]

    # What people have been told

    def _stand(self, what: Standing) -> None:
        """Where the rules say otherwise than people were told they begin anew, with that as their word."""
        stands = {(one.rule, one.subject): one for one in what.stands}
        known = self._plan.known()
        for one in what.stands:
            device = one.subject.rpartition("/")[2]
            self._plan.find((one.rule, one.subject, device), known)  # made now, if it can be
        here = {key[:2] for key in known} | set(self._books)
        for one in what.stands:
            if (one.rule, one.subject) not in here:
                self._tell_gone(one)
        others = [
            state
            for state in self._chairs.states()
            if self._told_at.get(state.key[:2], 0) <= what.upto
            and self._said(state.key[:2]) is not _severity(stands.get(state.key[:2]))
        ]
        for state in {each.key[:2]: each for each in others}.values():
            told = stands.get(state.key[:2])
            self._book(state).stand(_severity(told), told.since_ms if told else 0)
        renewed: dict[str, list[Key]] = {}
        for state in others:
            key, book = state.key, self._book(state)
            self._chairs.clear(state)
            self._waiting.pop(state.order, None)
            self._aside[key] = Fault(level=book.severity)
            if book.severity is not None:
                book.levels[key[2]] = book.severity
            renewed.setdefault(key[0], []).append(key)
        self._listening.clear()
        for keys in renewed.values():
            self._renew(keys)

    def _said(self, name: tuple[str, str]) -> Severity | None:
        """What stands of this rule and subject."""
        return self._books[name].severity if name in self._books else None

    def _tell_gone(self, one: Stands) -> None:
        """Nothing here speaks of that any more: neither rule nor subject is there."""
        self._told_at[one.rule, one.subject] = self.position
        self._out.append(
            Transition(
                rule=one.rule,
                subject=Subject.parse(one.subject),
                journal=self.journal,
                position=self.position,
                nth=0,
                change=Change.CLEARED,
                cls=one.cls,
                severity=one.severity,
                at_ms=self._entry.at_ms,
                since_ms=one.since_ms,
                seen_ms=self._entry.at_ms,
                place=one.place,
                port=one.port,
                device=one.device,
                facts={"reason": "revised"},
            )
        )

    def _lately_told(self) -> dict[tuple[str, str], int]:
        """Only the last ones matter, and a house may have a hundred thousand subjects."""
        most = self.told
        self._told_at = {
            key: position
            for key, position in self._told_at.items()
            if position == most or position > self.position - TOLD_KEPT
        }
        return self._told_at

    def _revise_packs(self, texts: Mapping[str, str]) -> None:
        try:
            packs = read_packs(texts)
        except PackError as error:
            self._pack_problems = error.problems
            return
        self._pack_problems = ()
        self._revise(packs, self._registry)

    def _revise(self, packs: Packs, registry: Registry) -> None:
        """Plan anew; subjects that are still there keep their states, all others end."""
        before, standing, faults = list(self._chairs.states()), self._standing(), self._aside
        levels = {key: dict(book.levels) for key, book in self._books.items()}
        made = plan(packs, registry, self._house)
        self._packs, self._registry = packs, registry
        self._aside, self._misfits = {}, None
        self._use_plan(made)
        known = made.known()
        broken: list[tuple[State, Exception]] = []
        for old in before:
            dumped = old.dump()
            state = made.find(old.key, known, dumped)
            if type(old) is type(state) and state is not None:
                try:
                    state.load(dumped)
                except Exception as error:
                    broken.append((state, error))
                    level = levels.get(old.key[:2], {}).get(old.key[2])
                    self._aside[old.key] = Fault(level=level)
        for key, fault in faults.items():
            if (state := made.find(key, known)) is not None:
                self._aside[key] = fault
                # What is set aside is tried again at once: the revision may have mended it.
                if fault.tried_ms is None:
                    fault.begin(self._house.watched_ms)
                self._chairs.try_out(state, fault)
        self._open_books()
        for old_book in standing:
            book = self._book_of(old_book.rule.id, str(old_book.subject), known)
            if book is None:
                book = old_book
                book.levels.clear()
            else:
                book.load(old_book.dump())
            change = book.settle(book.since_ms)
            if change is not None:
                end = Shift(self._entry.at_ms, book.since_ms, None, facts={"reason": "revised"})
                self._tell(book, change, end, book.device)
                self._pass_on(book, self._entry.at_ms)
        # Whoever hears other rules may be new, and has not been told what stands.
        for book in self._standing():
            self._pass_on(book, self._entry.at_ms)
        self._gather_waiting()
        for state, why in broken:
            self._set_aside(state, why)

    def _use_plan(self, made: Plan) -> None:
        self._plan, self._chairs = made, Chairs(made)
        rules = self._packs.rules.values()
        self._teller = next((rule for rule in rules if isinstance(rule, Aside)), None)

    def _standing(self) -> list[Book]:
        """The books in which something stands, in the plan's order."""
        found = [book for book in self._books.values() if book.severity is not None]
        return sorted(found, key=lambda book: (book.order, str(book.subject)))

    def _book(self, state: State) -> Book:
        """The state's book, which several devices may share; most are never opened."""
        rule, subject, _ = state.key
        book = self._books.get((rule, subject))
        if book is None:
            first = self._plan.firsts.get((rule, subject), state)
            book = self._books[rule, subject] = Book(first.rule, first.seat, first.order)
        return book

    def _book_of(self, rule: str, subject: str, known: Mapping[Key, State]) -> Book | None:
        """The book of this rule and subject, if any of these states is about both."""
        book = self._books.get((rule, subject))
        if book is None:  # rare: its state was set aside, or says nothing any more by new numbers
            of = (state for key, state in known.items() if key[:2] == (rule, subject))
            state = next(of, None)
            book = None if state is None else self._book(state)
        return book

    def _open_books(self) -> None:
        """One book for each (rule, subject) of which a state holds something for true."""
        self._books = {}
        self._listening.clear()
        for state in self._chairs.states():
            severity = state.severity()
            if severity is not None:
                self._book(state).levels[state.device] = severity
        if self._aside:
            planned = self._plan.known()
            for key, fault in self._aside.items():
                state = planned[key]
                if fault.level is not None:
                    self._book(state).levels.setdefault(key[2], fault.level)
                if not fault.error:
                    continue
                told, level = self._fault_book(state.seat), self._fault_level(state)
                if told is not None and level is not None:
                    told.levels[_line(key)] = level

    def _gather_waiting(self) -> None:
        states = self._chairs.states()
        self._waiting = {state.order: state for state in states if _may_wait(state)}
        self._doubtful = self._plan.heard_of(
            (device.site, device.id) for device in self._registry.devices if device.is_foreign
        )


def _line(key: Key) -> str:
    """What stands in the book of failed rules for one of them."""
    rule, _, device = key
    return f"{rule} {device}"


def _may_wait(state: State) -> bool:
    """Whether it waits; also one that cannot say so: the next tick finds that out, and sets it aside."""
    try:
        return state.waits()
    except Exception:
        return True


def _severity(stands: Stands | None) -> Severity | None:
    return None if stands is None else stands.severity
