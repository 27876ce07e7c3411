"""Knows what a rule, a mutant and a probe are, and keeps the one catalogue of them.

Must not know any particular rule, how exchanges come about, or who is under test.
"""

from __future__ import annotations

import enum
import fnmatch
import hashlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar, overload

from harness.association import Association, Operation
from harness.exchange import Answer, Ask, Exchange, Journey
from harness.requirements import known_defect, known_requirement


class Level(enum.Enum):
    """How strongly the text asks; SHOULD and below never fail a product."""

    SHALL = "SHALL"
    SHALL_NOT = "SHALL NOT"
    SHOULD = "SHOULD"
    SHOULD_NOT = "SHOULD NOT"

    @property
    def binding(self) -> bool:
        return self in (Level.SHALL, Level.SHALL_NOT)


class Role(enum.Enum):
    """Whom the demand binds: the sender of the answer, the sender of the question, or whoever sent the message.

    On an association: who asked for it and who was asked; in an operation: who uses the service and who provides it.
    """

    ORIGIN_SERVER = "origin-server"
    USER_AGENT = "user-agent"
    REQUESTOR = "requestor"
    ACCEPTOR = "acceptor"
    SCU = "scu"
    SCP = "scp"
    BOTH = "both"


class Basis(enum.Enum):
    """On what a verdict rests: one message and the text; two answers that must agree; our prediction."""

    STANDARD = "standard"
    RELATION = "relation"
    ORACLE = "oracle"


class At(enum.Enum):
    """Where a mutant acts: on the finished answer, at the door before the archive is asked, or on the octets.

    Of rules that bind who asks: on the question. On an association: on each message, or on each PDU, that leaves the
    side which the rule binds.
    """

    ANSWER = "answer"
    ASK = "ask"
    DOOR = "door"
    WIRE = "wire"
    MESSAGE = "message"
    PDU = "pdu"


SHALL, SHALL_NOT, SHOULD, SHOULD_NOT = Level.SHALL, Level.SHALL_NOT, Level.SHOULD, Level.SHOULD_NOT
ORIGIN_SERVER, USER_AGENT, BOTH = Role.ORIGIN_SERVER, Role.USER_AGENT, Role.BOTH
REQUESTOR, ACCEPTOR, SCU, SCP = Role.REQUESTOR, Role.ACCEPTOR, Role.SCU, Role.SCP
STANDARD, RELATION, ORACLE = Basis.STANDARD, Basis.RELATION, Basis.ORACLE
ANSWER, ASK, DOOR, WIRE, MESSAGE, PDU = At.ANSWER, At.ASK, At.DOOR, At.WIRE, At.MESSAGE, At.PDU


@dataclass(frozen=True, slots=True)
class Finding:
    """What was met, what the text wants, and where in the message it stands.

    `warn` lowers it below a failure: an ambiguous or changed place, named by `policy`.
    `seq` is the exchange it stands in; the judge fills it for a rule over one exchange.
    """

    got: str
    want: str
    where: str
    seq: int = 0
    warn: bool = False
    policy: str = ""


Subject = TypeVar("Subject", Exchange, Journey, Association, Operation)
Example = Association | tuple[Exchange, ...]
Door = Callable[[Ask], Answer]
MutantFunction = Callable[..., Any]
Act = TypeVar("Act", bound=MutantFunction)


@dataclass(frozen=True)
class Mutant:
    """A seeded defect that its rule must catch.

    ANSWER: (Exchange) -> Answer | None (None leaves it as it is). Of a rule that binds both sides it may change
            x.message instead, whichever that is, and is tried on both.
    ASK:    (Exchange) -> Ask | None, what a broken user agent would have asked; it is tried on recorded questions.
            Of a journey: (tuple of Exchange) -> Sequence of Exchange | None, its whole conversation; of one that binds
            the server also what that says on its own (events), on recorded journeys.
    DOOR:   (Ask, Door) -> Answer, where Door asks the unbroken service, as often as the mutant likes.
    WIRE:   (bytes) -> bytes over the whole response, status line to last octet of the body.

    Of rules on associations and operations:
    MESSAGE: (Message, Message that it answers | None) -> Message | list[Message] | None for each message that leaves.
    PDU:     (bytes) -> bytes | list[bytes] | None for each PDU that leaves; nothing at all withholds it.
    DOOR:    (Message, door) -> Iterable[Message], where door asks the unbroken service.
    """

    id: str
    rule: str
    at: At
    act: MutantFunction
    says: str
    defects: tuple[str, ...] = ()  # ids in schemas/defects.json of real defects that it imitates


@dataclass
class Rule(Generic[Subject]):
    """One demand, its judgement, and the defects it must catch; called with its subject it yields findings."""

    id: str
    cites: str
    verifies: tuple[str, ...]
    level: Level
    who: Role
    on: str
    says: str
    judgement: Callable[[Subject], Iterable[Finding] | None]
    when: Callable[[Subject], bool]
    basis: Basis = STANDARD
    since: str = ""
    until: str = ""
    over: type = Exchange
    content: bool = True
    after: str = ""
    incomplete: bool = False
    due: bool = True
    wire: bool = False
    mutants: list[Mutant] = field(default_factory=list)
    examples: list[Callable[[], Example]] = field(default_factory=list)

    def __call__(self, subject: Subject) -> Iterator[Finding]:
        yield from self.judgement(subject) or ()

    @property
    def service(self) -> str:
        """The service for the report's matrix: the second word of the kind.

        What holds in several services is 'http' on the web and 'messages' in DIMSE; what is judged in files only is
        'file'.
        """
        services = {service_of_kind(on) for on in self.on.split("|")}
        if len(services) > 1:
            services.discard("client")  # all that somebody asks is of no service of its own
        if len(services) == 1:
            return services.pop()
        return "messages" if self.on.startswith("dimse") else "http"

    def applies_in(self, edition: str) -> bool:
        """Editions compare as words: 2020c < 2023e < 2024e."""
        return (not self.since or edition >= self.since) and (not self.until or edition <= self.until)

    def applies_to(self, kind: str) -> bool:
        """`on` is a dotted prefix of the subject's kind; '|' separates alternatives."""
        return any(kind == on or kind.startswith(on + ".") for on in self.on.split("|"))

    def example(self, make: Callable[[], Example]) -> Callable[[], Example]:
        """Register something worked out by hand in which the rule is exercised and content: an association, or the
        exchanges of a journey.

        For what no simulator or probe of ours says: mutants of the rule are tried on it.
        """
        self.examples.append(make)
        return make

    @overload
    def mutant(self, act: Act, *, at: At = ANSWER, defects: str | Iterable[str] = ()) -> Act: ...

    @overload
    def mutant(
        self, act: None = None, *, at: At = ANSWER, defects: str | Iterable[str] = ()
    ) -> Callable[[Act], Act]: ...

    def mutant(self, act: MutantFunction | None = None, *, at: At = ANSWER, defects: str | Iterable[str] = ()) -> Any:
        """Register the function below as a defect that this rule must catch; bare, or with `at=` and `defects=`."""
        imitated = (defects,) if isinstance(defects, str) else tuple(defects)

        def register(function: MutantFunction) -> MutantFunction:
            says = (function.__doc__ or function.__name__.replace("_", " ")).strip().split("\n")[0]
            mutant = Mutant(f"{self.id}/{function.__name__}", self.id, at, function, says, imitated)
            CATALOGUE.add_mutant(mutant)
            self.mutants.append(mutant)
            return function

        return register(act) if act is not None else register


@dataclass(frozen=True)
class Probe:
    """Something that provokes exchanges and asserts nothing. `provokes` are the kinds it makes, dotted prefixes."""

    id: str
    provokes: tuple[str, ...]
    act: Callable[..., None]
    needs: str = "data"  # "nothing", "data" (something is held), "write" (may store), "loaded" (our own data is held)
    says: str = ""


@dataclass(frozen=True, slots=True)
class Untested:
    """A requirement that no rule verifies, and why."""

    requirement: str
    why: str


class CatalogueError(Exception):
    """A rule, mutant or probe was declared wrongly: our own fault, found at import."""


@dataclass
class Catalogue:
    """All rules, mutants, probes and untested requirements of the loaded suites, by id."""

    rules: dict[str, Rule[Any]] = field(default_factory=dict)
    mutants: dict[str, Mutant] = field(default_factory=dict)
    probes: dict[str, Probe] = field(default_factory=dict)
    untested: dict[str, Untested] = field(default_factory=dict)
    grounds: dict[str, list[str]] = field(default_factory=dict)
    undetected: dict[str, str] = field(default_factory=dict)  # defect id -> why no mutant imitates it yet

    def add_rule(self, rule: Rule[Any]) -> None:
        if rule.id in self.rules:
            raise CatalogueError(f"two rules are called {rule.id}")
        for requirement in rule.verifies:
            if not known_requirement(requirement):
                raise CatalogueError(f"rule {rule.id} verifies {requirement}, which is in no inventory")
        self.rules[rule.id] = rule

    def add_mutant(self, mutant: Mutant) -> None:
        for defect in mutant.defects:
            if not known_defect(defect):
                raise CatalogueError(f"mutant {mutant.id} imitates {defect}, which is in no list")
        if mutant.id in self.mutants:
            raise CatalogueError(f"two mutants are called {mutant.id}")
        self.mutants[mutant.id] = mutant

    def add_probe(self, probe: Probe) -> None:
        if probe.id in self.probes:
            raise CatalogueError(f"two probes are called {probe.id}")
        self.probes[probe.id] = probe

    def add_untested(self, requirement: str, why: str) -> None:
        if not known_requirement(requirement):
            raise CatalogueError(f"untested() names {requirement}, which is in no inventory")
        if requirement in self.untested:
            raise CatalogueError(f"untested() names {requirement} twice")
        self.untested[requirement] = Untested(requirement, why)

    def digest(self) -> str:
        """SHA-256 over what decides verdicts: the ids, levels, clauses and editions of all rules."""
        lines = sorted(f"{r.id}|{r.level.value}|{r.cites}|{r.since}|{r.until}" for r in self.rules.values())
        return hashlib.sha256("\n".join(lines).encode()).hexdigest()

    def verified(self) -> dict[str, list[str]]:
        """Requirement id -> ids of the rules that verify it."""
        found: dict[str, list[str]] = {}
        for rule in self.rules.values():
            for requirement in rule.verifies:
                found.setdefault(requirement, []).append(rule.id)
        return found

    def select(self, only: str | None) -> list[Rule[Any]]:
        """Rules whose id, service or clause fits the glob ("search.*", "retrieve", "PS3.18 10.6*"); all for None."""
        if not only:
            return list(self.rules.values())
        wanted = [word.strip() for word in only.split(",") if word.strip()]
        return [r for r in self.rules.values() if any(_fits(r, word) for word in wanted)]


def _fits(rule: Rule[Any], word: str) -> bool:
    clauses = [c.strip() for c in rule.cites.split(";")]
    spoken = word.replace("PS3.18:", "PS3.18 ")
    return (
        fnmatch.fnmatchcase(rule.id, word)
        or rule.service == word
        or rule.id.split(".")[0] == word
        or any(fnmatch.fnmatchcase(c, spoken) or c.startswith(spoken + ".") for c in clauses)
        or word in rule.verifies
    )


def service_of_kind(kind: str) -> str:
    """The service that a kind, or what a rule subscribes to, belongs to."""
    words = kind.split(".")
    if words[0] == "file":
        return "file"
    if len(words) > 1:
        return words[1]
    return "messages" if words[0] == "dimse" else "http"


CATALOGUE = Catalogue()


def _always(_: Any) -> bool:
    return True


def rule(
    id: str,
    *,
    cites: str,
    says: str,
    on: str,
    verifies: str | Iterable[str] = (),
    level: Level = SHALL,
    who: Role = ORIGIN_SERVER,
    when: Callable[[Exchange], bool] = _always,
    basis: Basis = STANDARD,
    since: str = "",
    until: str = "",
    content: bool = True,
    after: str = "",
    incomplete: bool = False,
    due: bool = True,
    wire: bool = False,
) -> Callable[[Callable[[Exchange], Iterable[Finding] | None]], Rule[Exchange]]:
    """Declare a judgement over one exchange.

    `on`: dotted prefix of the kinds it judges, alternatives separated by '|'. `when`: whether this exchange
    exercises it at all. `content=False`: it speaks of the message's framing only, so even a server that holds
    nothing can satisfy it; every other rule passes only for a target that was shown to answer what it is asked.
    `after`: id of a rule that has to pass first, else a pass is `blocked`. `incomplete`: it also judges an
    exchange whose answer is missing or cut; others are `blocked` by such an exchange. `due=False`: it speaks of
    something a product need not do, so a full run without it is still a full run. `wire`: it speaks of octets or
    fields as they went over the wire, which an exchange that was retold at second hand (a HAR) does not show.
    """
    return _declare(Exchange, locals())


def journey(
    id: str,
    *,
    cites: str,
    says: str,
    on: str,
    verifies: str | Iterable[str] = (),
    level: Level = SHALL,
    who: Role = ORIGIN_SERVER,
    when: Callable[[Journey], bool] = _always,
    basis: Basis = RELATION,
    since: str = "",
    until: str = "",
    content: bool = True,
    after: str = "",
    incomplete: bool = False,
    due: bool = True,
) -> Callable[[Callable[[Journey], Iterable[Finding] | None]], Rule[Journey]]:
    """Declare a judgement over the exchanges of one journey; `on` is the journey's kind. See `rule`."""
    return _declare(Journey, locals())


def association(
    id: str,
    *,
    cites: str,
    says: str,
    on: str = "dimse.association",
    verifies: str | Iterable[str] = (),
    level: Level = SHALL,
    who: Role = ACCEPTOR,
    when: Callable[[Association], bool] = _always,
    basis: Basis = STANDARD,
    since: str = "",
    until: str = "",
    content: bool = False,
    after: str = "",
    incomplete: bool = False,
    due: bool = True,
) -> Callable[[Callable[[Association], Iterable[Finding] | None]], Rule[Association]]:
    """Declare a judgement over a whole association: its PDUs, what was negotiated, how it ended. See `rule`.

    A demand on both sides looks at the sides under test only (`heard`).
    """
    return _declare(Association, locals())


def operation(
    id: str,
    *,
    cites: str,
    says: str,
    on: str,
    verifies: str | Iterable[str] = (),
    level: Level = SHALL,
    who: Role = SCP,
    when: Callable[[Operation], bool] = _always,
    basis: Basis = STANDARD,
    since: str = "",
    until: str = "",
    content: bool = True,
    after: str = "",
    incomplete: bool = False,
    due: bool = True,
) -> Callable[[Callable[[Operation], Iterable[Finding] | None]], Rule[Operation]]:
    """Declare a judgement over one DIMSE operation or notification: the request and the responses. See `rule`.

    `on`: dotted prefix of its kind ("dimse" for every operation, "dimse.storage", "dimse.query-retrieve.find").
    """
    return _declare(Operation, locals())


def _declare(over: type, given: dict[str, Any]) -> Callable[[Callable[[Any], Iterable[Finding] | None]], Rule[Any]]:
    given = {k: v for k, v in given.items() if k != "over"}
    verifies = given.pop("verifies")
    given["verifies"] = (verifies,) if isinstance(verifies, str) else tuple(verifies)

    def register(judgement: Callable[[Any], Iterable[Finding] | None]) -> Rule[Any]:
        made: Rule[Any] = Rule(judgement=judgement, over=over, **given)
        CATALOGUE.add_rule(made)
        return made

    return register


def probe(
    id: str, *, provokes: str | Iterable[str], needs: str = "data"
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Declare something that provokes exchanges of these kinds and asserts nothing."""
    kinds = (provokes,) if isinstance(provokes, str) else tuple(provokes)
    if needs not in ("nothing", "data", "write", "loaded"):
        raise CatalogueError(f"probe {id} needs {needs!r}, which is no stage")

    def register(act: Callable[..., None]) -> Callable[..., None]:
        says = (act.__doc__ or "").strip().split("\n")[0]
        CATALOGUE.add_probe(Probe(id, kinds, act, needs, says))
        return act

    return register


def ground(service: str, *rules: Rule[Any]) -> None:
    """Name the rules that show a service to answer what it is asked.

    While one of them fails, or none is exercised, no content rule of that service may pass: a server that says
    "200" or "[]" or the same object to everything satisfies many rules by accident.
    """
    CATALOGUE.grounds.setdefault(service, []).extend(r.id for r in rules)


def untested(requirement: str, why: str) -> None:
    """Say next to a service's rules that nothing verifies this requirement yet, and why."""
    CATALOGUE.add_untested(requirement, why)


def undetected(defect: str, why: str) -> None:
    """Say that no mutant imitates this known defect yet, and why."""
    if not known_defect(defect):
        raise CatalogueError(f"undetected() names {defect}, which is in no list")
    CATALOGUE.undetected[defect] = why
