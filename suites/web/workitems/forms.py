"""Rules of PS3.18 11.1.3, 11.4.1 and 11.6.1 on the forms in which workitems are named, sent and updated.

Must not know what becomes of them.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange, Journey
from harness.rule import Finding, journey
from suites.web.workitems import reading
from suites.web.workitems.judging import refusing
from suites.web.workitems.reading import CREATED, UPDATED, granted, only

FORMS = "web.workitems.forms"
QUERIES = ("bare", "named")


def _made(x: Exchange) -> bool:
    return x.answer.status == 201


@journey(
    "workitem.named-by-query",
    cites="PS3.18 11.4.1.1, 11.3",
    verifies="PS3.18-11.4.1.1-1",
    on=FORMS,
    when=lambda j: any(not reading.declined(x) for f in QUERIES for x in j.steps(f)),
    says="A Create with a workitem UID in the query, bare or as a value, makes a workitem of that UID.",
)
def named_by_query(j: Journey) -> Iterator[Finding]:
    asked = [x for f in QUERIES for x in j.steps(f) if not reading.declined(x)]
    if not any(granted(x) and reading.located(x) == reading.named(x) for x in asked):
        got = "; ".join(f"{x.ask.line}: {x.answer.line}, {reading.located(x) or 'no UID'}" for x in asked)
        yield Finding(got, "201, and a Location with the UID of the query", "Location", asked[0].seq, policy="D-11")
    for x in asked:
        if granted(x) and reading.located(x) not in ("", reading.named(x)):
            got = f"{reading.located(x)} for {x.ask.target}"
            yield Finding(got, reading.named(x), "Location", seq=x.seq, warn=True, policy="D-11")


@named_by_query.mutant
def makes_uids_of_its_own(x: Exchange) -> Answer | None:
    """The UID in the query is not looked at."""
    url = f"{x.ask.base}/workitems/2.25.77"
    return x.answer.but(headers=x.answer.headers.but("location", url)) if x.ask.query.present and _made(x) else None


@journey(
    "workitem.named-by-data-set",
    cites="PS3.18 11.4.1.1",
    verifies="PS3.18-11.4.1.1-2",
    on=FORMS,
    when=lambda j: any(granted(x) for x in j.steps("inside")),
    says="A Create of the worklist itself makes a workitem of the UID that the data set has.",
)
def named_by_data_set(j: Journey) -> Iterator[Finding]:
    for x in j.steps("inside"):
        if granted(x) and reading.located(x) != reading.text(only(x.ask), reading.INSTANCE):
            want = reading.text(only(x.ask), reading.INSTANCE)
            yield Finding(reading.located(x) or "no UID", want, "Location", seq=x.seq, policy="D-11")


@named_by_data_set.mutant
def names_it_itself(x: Exchange) -> Answer | None:
    """The UID in the data set is not looked at."""
    url = f"{x.ask.base}/workitems/2.25.78"
    return x.answer.but(headers=x.answer.headers.but("location", url)) if not x.ask.query.present and _made(x) else None


@journey(
    "workitem.takes-an-array",
    cites="PS3.18 11.1.3, 11.4.1.4",
    verifies="PS3.18-11.1.3-1",
    on=FORMS,
    when=lambda j: any(granted(x) for x in j.exchanges if x.kind == CREATED),
    says="A workitem in JSON is taken as an array of one data set.",
)
def takes_an_array(j: Journey) -> Iterator[Finding]:
    arrays = [x for f in (*QUERIES, "inside") for x in j.steps(f)]
    if arrays and not any(granted(x) for x in arrays):
        # two clauses, two readings: the payload is one data set, and JSON payloads are arrays
        yield Finding(arrays[0].answer.line, "201", "an array of one data set", arrays[0].seq, True, "D-12")


@takes_an_array.mutant
def takes_objects_only(x: Exchange) -> Answer | None:
    """A Create with an array is refused."""
    array = x.ask.json is not None and x.ask.json.root == "array"
    return refusing(x, CREATED, 400) if array else None


@journey(
    "workitem.takes-xml",
    cites="PS3.18 11.1.3, 11.4.1.4",
    verifies="PS3.18-11.1.3-1",
    on=FORMS,
    when=lambda j: any(granted(x) for x in j.exchanges if x.kind == CREATED) and bool(j.steps("xml")),
    says="A workitem is also taken as a Native DICOM Model document in a multipart message.",
)
def takes_xml(j: Journey) -> Iterator[Finding]:
    for x in j.steps("xml"):
        if not granted(x) and not reading.declined(x):
            yield Finding(x.answer.line, "201", "a Create in XML", seq=x.seq)


@takes_xml.mutant
def knows_json_alone(x: Exchange) -> Answer | None:
    """A Create in XML is answered 415."""
    return refusing(x, CREATED, 415) if x.ask.type == "multipart/related" else None


UPDATES = ("update-bare", "update-named")


@journey(
    "workitem.unlocked-by-query",
    cites="PS3.18 11.6.1, 11.6.1.2; PS3.4 CC.2.6.2",
    verifies="PS3.18-11.6.2-1",
    on=FORMS,
    when=lambda j: any(not reading.declined(x) for x in j.steps("update-inside")) and bool(j.steps(UPDATES[0])),
    says="An Update is taken with the Transaction UID in the query, or where DIMSE has it, in the data set.",
)
def unlocked_by_query(j: Journey) -> Iterator[Finding]:
    asked = [x for f in UPDATES for x in j.steps(f)]
    inside = j.steps("update-inside")
    if not any(granted(x) for x in asked):
        got = "; ".join(f"{x.ask.line}: {x.answer.line}" for x in asked)
        known = any(granted(x) for x in inside)
        yield Finding(got, "200", "Transaction UID in the query", asked[0].seq, warn=known, policy="D-11")


@unlocked_by_query.mutant
def knows_no_transaction_uid_in_queries(x: Exchange) -> Answer | None:
    """The Transaction UID of an Update is looked for in the data set alone."""
    return refusing(x, UPDATED, 400) if x.ask.query.present else None
