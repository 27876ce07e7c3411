"""Rules of PS3.18 8.3.4.2, 8.3.4.5 and 8.3.4.6: an option is performed, or a Warning says that it was not.

Must not know how a name is matched fuzzily: that is left to the implementation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator

from harness.exchange import Answer, Ask, Exchange, Journey
from harness.rule import DOOR, Door, Finding, journey, rule
from suites.web.search import asked
from suites.web.search.broken import dropping, edited, rewarned, rewriting, searches, unwarned
from suites.web.search.criteria import refuses
from suites.web.search.rows import found, owns, rows, warnings

SENTENCES = {
    "fuzzymatching": "The fuzzymatching parameter is not supported. Only literal matching has been performed.",
    "emptyvaluematching": (
        "The emptyvaluematching parameter is not supported. Empty Value Matching has not been performed."
    ),
    "multiplevaluematching": (
        "The multiplevaluematching parameter is not supported. Multiple Value Matching has not been performed."
    ),
}
SINCE = "2023e"  # the latter two are younger


@rule(
    "search.option-warning",
    cites="PS3.18 8.3.4.2; 8.3.4.5; 8.3.4.6",
    verifies=("PS3.18-8.3.4.2-2", "PS3.18-8.3.4.5-1", "PS3.18-8.3.4.6-1"),
    on="web.search",
    when=lambda x: x.answer.ok and any(refuses(x, o) and asked.flag(x.ask, o) for o in asked.OPTIONS),
    says="Who does not support an option says so in a Warning 299 with the sentence of the standard.",
)
def option_warning(x: Exchange) -> Iterator[Finding]:
    for option in [o for o in asked.OPTIONS if refuses(x, o) and asked.flag(x.ask, o)]:
        value = next(w for w in warnings(x) if option in w)
        words = [re.escape(w) for w in SENTENCES[option].rstrip(".").split()]
        sentence = r"299 \S+ .*?" + r"\s+".join(words)
        if not re.search(sentence, value):
            yield Finding(value, f"299 <service>: {SENTENCES[option]}", "Warning")


@option_warning.mutant(defects="M-QI-32")
def words_the_fuzzy_warning_freely(x: Exchange) -> Answer | None:
    """The Warning about fuzzy matching has other words."""
    return rewarned(x.answer, lambda v: v.replace("Only literal matching has been performed", "Sorry"))


@option_warning.mutant
def warns_of_options_with_199(x: Exchange) -> Answer | None:
    """The Warning about an option has code 199."""
    return rewarned(x.answer, lambda v: v.replace("299 ", "199 ", 1) if "parameter is not" in v else v)


@rule(
    "search.no-warning-unasked",
    cites="PS3.18 8.3.4.2; 8.3.4.5; 8.3.4.6",
    verifies="PS3.18-8.3.4.2-1",
    on="web.search",
    when=lambda x: rows(x) is not None and not any(asked.flag(x.ask, o) for o in asked.OPTIONS),
    says="A search without an option, or with false, is answered as such: no Warning that the option is missing.",
)
def no_warning_unasked(x: Exchange) -> Iterator[Finding]:
    for value in warnings(x):
        if any(o in value for o in asked.OPTIONS):
            yield Finding(value, "no word of an option that nobody asked for", "Warning", warn=True)


@no_warning_unasked.mutant
def always_warns_of_fuzzy_matching(x: Exchange) -> Answer | None:
    """Every search is answered with the Warning about fuzzy matching."""
    if not searches(x.ask) or not x.answer.ok:
        return None
    fields = (*x.answer.headers.fields, ("Warning", f"299 {x.ask.base}: {SENTENCES['fuzzymatching']}"))
    return x.answer.but(headers=type(x.answer.headers)(fields))


OPTION = "web.search.option"


def tried(option: str) -> Callable[[Journey], bool]:
    """The same search was asked without and with the option, and the one without has a readable answer."""
    return lambda j: (
        any(asked.flag(x.ask, option) for x in j.steps("with")) and all(rows(x) is not None for x in j.steps("without"))
    )


@journey(
    "search.options-understood",
    cites="PS3.18 8.3.4; Table 8.3.4-1; 8.3.4.2; 8.3.4.5; 8.3.4.6",
    verifies=("PS3.18-8.3.4-1", "PS3.18-8.3.4.2-1"),
    on=OPTION,
    when=lambda j: any(tried(o)(j) for o in asked.OPTIONS),
    says="Every option is taken with true and with false; false is the same as leaving it out.",
)
def options_understood(j: Journey) -> Iterator[Finding]:
    old = j.context is not None and j.context.edition < SINCE
    for x in [*j.steps("with"), *j.steps("false")]:
        # before 2023e the younger two are unknown parameters, which are ignored all the same (8.3)
        # how several values of another VR than UI are written is not said, so a comma may be refused
        if rows(x) is None and asked.lawful(x):
            yield Finding(x.answer.line, "matches, or none", f"GET {x.ask.target}", seq=x.seq, warn=old)
    for base, x in zip(j.steps("without"), j.steps("false"), strict=False):
        if rows(x) is not None and set(owns(x)) != set(owns(base)):
            got = f"{len(set(owns(x)))} matches"
            yield Finding(got, f"{len(set(owns(base)))}, as without", f"GET {x.ask.target}", seq=x.seq)


@options_understood.mutant(defects="M-QI-33")
def refuses_fuzzy_matching(x: Exchange) -> Answer | None:
    """fuzzymatching=true is answered 400."""
    asks = searches(x.ask) and asked.flag(x.ask, "fuzzymatching")
    return x.answer.but(status=400, reason="Bad Request", body=b"") if asks else None


@options_understood.mutant(defects="M-QI-34")
def falls_over_fuzzy_matching(x: Exchange) -> Answer | None:
    """fuzzymatching=true is answered 500."""
    asks = searches(x.ask) and asked.flag(x.ask, "fuzzymatching")
    return x.answer.but(status=500, reason="Internal Server Error", body=b"") if asks else None


@options_understood.mutant
def false_finds_nothing(x: Exchange) -> Answer | None:
    """An option with false finds nothing."""
    false = any(x.ask.query.get(o) == "false" for o in asked.OPTIONS)
    return edited(x, lambda held: []) if false else None


@journey(
    "search.fuzzy-done-or-told",
    cites="PS3.18 8.3.4.2; PS3.4 C.2.2.2.1.1",
    verifies="PS3.18-8.3.4.2-2",
    on=OPTION,
    when=lambda j: tried("fuzzymatching")(j) and any(found(x) for x in j.steps("subject")),
    says="With fuzzymatching=true names are matched fuzzily, or a Warning says that they are not.",
)
def fuzzy_done_or_told(j: Journey) -> Iterator[Finding]:
    subject = next(x for x in j.steps("subject") if found(x)).facts["uid"]
    asked_for = [x for x in j.steps("with") if asked.flag(x.ask, "fuzzymatching") and rows(x) is not None]
    told = [x for x in asked_for if refuses(x, "fuzzymatching")]
    done = any(subject in owns(x) for x in asked_for)
    for x in asked_for:
        # half of the answers with a Warning is as unclear as none; a fuzzy match in any of them settles it
        if x not in told and not done:
            got = "no match under any variant of the name, and no Warning"
            want = f"study {subject}, or 299 <service>: {SENTENCES['fuzzymatching']}"
            yield Finding(got, want, f"GET {x.ask.target}", seq=x.seq)
            return


@fuzzy_done_or_told.mutant(defects="M-QI-32")
def says_nothing_of_fuzzy_matching(x: Exchange) -> Answer | None:
    """Fuzzy matching is neither done nor is there a Warning."""
    return unwarned(x.answer, "fuzzymatching") if searches(x.ask) else None


def performed_or_told(j: Journey, option: str) -> Iterator[Finding]:
    """What the option would find is found, or a Warning says that it was not performed."""
    asks = [x for x in j.steps("with") if asked.flag(x.ask, option) and rows(x) is not None]
    wanted = {uid for x in asks for uid in x.facts["uids"]}
    if not any(wanted <= set(owns(x)) or refuses(x, option) for x in asks):
        x = asks[0]
        got = f"{len(wanted - set(owns(x)))} of {len(wanted)} not found, and no Warning"
        want = f"{', '.join(sorted(wanted))}, or 299 <service>: {SENTENCES[option]}"
        yield Finding(got, want, f"GET {x.ask.target}", seq=x.seq)


def has_subjects(j: Journey, option: str) -> bool:
    """What the option is to find is really held: it was found by UID."""
    seen = {uid for x in j.steps("subject") for uid in owns(x)}
    asks = [x for x in j.steps("with") if asked.flag(x.ask, option) and rows(x) is not None]
    return bool(asks) and all(set(x.facts["uids"]) <= seen for x in asks)


@journey(
    "search.empty-value-done-or-told",
    cites="PS3.18 8.3.4.5; PS3.4 C.2.2.2.7",
    verifies=("PS3.18-8.3.4.5-1", "PS3.18-8.3.4.5-2"),
    on=OPTION,
    since=SINCE,
    when=lambda j: has_subjects(j, "emptyvaluematching"),
    says="With emptyvaluematching=true two quotation marks find what has no value, or a Warning says otherwise.",
)
def empty_value_done_or_told(j: Journey) -> Iterator[Finding]:
    return performed_or_told(j, "emptyvaluematching")


@empty_value_done_or_told.mutant(at=DOOR, defects="D-QI-07")
def ignores_emptyvaluematching(ask: Ask, door: Door) -> Answer:
    """emptyvaluematching is not looked at, and nothing says so."""
    return door(dropping(ask, "emptyvaluematching"))


@journey(
    "search.multiple-value-done-or-told",
    cites="PS3.18 8.3.4.6; PS3.4 C.2.2.2.8",
    verifies=("PS3.18-8.3.4.6-1", "PS3.18-8.3.4.6-2"),
    on=OPTION,
    since=SINCE,
    when=lambda j: has_subjects(j, "multiplevaluematching"),
    says="With multiplevaluematching=true several values find what has any of them, or a Warning says otherwise.",
)
def multiple_value_done_or_told(j: Journey) -> Iterator[Finding]:
    return performed_or_told(j, "multiplevaluematching")


@multiple_value_done_or_told.mutant(at=DOOR, defects="M-QI-50")
def takes_the_first_value_alone(ask: Ask, door: Door) -> Answer:
    """Of several values only the first one counts, and nothing says so."""
    if not asked.flag(ask, "multiplevaluematching"):
        return door(ask)
    return door(rewriting(ask, lambda path, value: re.split(r",|%5C", value)[0]))
