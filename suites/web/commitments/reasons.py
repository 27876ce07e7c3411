"""Rules of PS3.3 C.14.1.1 on Failure Reasons: those there are, and whether they fit what is known of the instance.

Must not know what else a result says.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.exchange import Answer, Exchange
from harness.rule import RELATION, SHOULD, Finding, rule
from suites.web.commitments.reading import FAILED_SOPS, REASON, REASONS, REQUEST, SINCE, Named, hexed, known, module
from suites.web.commitments.results import Root, bent

ON = "web.commitments"


@rule(
    "commitments.failure-reason",
    cites="PS3.18 J.2 Table J.2-1; PS3.3 C.14.1.1",
    verifies="PS3.18-J.2-3",
    on=ON,
    since=SINCE,
    when=lambda x: any(one.failed and REASON not in one.lacks for one in _named(x)),
    says="A Failure Reason is 0110H, 0112H, 0119H, 0122H, 0131H or 0213H.",
)
def failure_reason(x: Exchange) -> Iterator[Finding]:
    for one in _named(x):
        if one.failed and REASON not in one.lacks and one.reason not in REASONS:
            # Table J.2-1 points at the values for one of the two forms only
            want = ", ".join(hexed(reason) for reason in sorted(REASONS))
            yield Finding(hexed(one.reason), want, f"{one.where}, {REASON}", warn=one.nested)


def _named(x: Exchange) -> tuple[Named, ...]:
    found = module(x.answer) if x.answer.status == 200 else None
    return found.named if found is not None else ()


@failure_reason.mutant
def has_reasons_of_its_own(x: Exchange) -> Answer | None:
    """Failures have the reason 0001H."""

    def one(root: Root) -> None:
        for item in root.get(FAILED_SOPS, {}).get("Value", []):
            item[REASON]["Value"] = [1]

    return bent(x, one)


@failure_reason.mutant
def gives_reasons_of_a_store(x: Exchange) -> Answer | None:
    """Failures have the reason A700H, which a Store has."""

    def stored(root: Root) -> None:
        for item in root.get(FAILED_SOPS, {}).get("Value", []):
            item[REASON]["Value"] = [0xA700]

    return bent(x, stored)


# What a general failure says fits everywhere; these say something of the instance, or of the transaction.
_ABOUT = (0x0112, 0x0119, 0x0122, 0x0131)
_FITS = {"unknown": (0x0112,), "conflicting": (0x0112, 0x0119), "unsupported": (0x0112, 0x0119, 0x0122)}


@rule(
    "commitments.failure-reason-fits",
    cites="PS3.3 C.14.1.1; PS3.18 J.2",
    verifies="PS3.18-J.2-4",
    level=SHOULD,
    on=REQUEST,
    since=SINCE,
    basis=RELATION,
    when=lambda x: any(one.failed and one.reason in _ABOUT and _kind(x, one.instance) for one in _named(x)),
    says="0112H is said of what is not there, 0119H of what has another class, 0122H of a class that is not supported, "
    "and 0131H of no new transaction.",
)
def failure_reason_fits(x: Exchange) -> Iterator[Finding]:
    for one in _named(x):
        due = _FITS.get(_kind(x, one.instance), _ABOUT)
        if one.failed and one.reason in _ABOUT and one.reason not in due:
            yield Finding(hexed(one.reason), " or ".join(map(hexed, due)), f"{one.where}, {REASON}")


def _kind(x: Exchange, instance: str) -> str:
    return next((word for word in _FITS if instance in known(x, word)), "")


@failure_reason_fits.mutant
def calls_the_transaction_a_duplicate(x: Exchange) -> Answer | None:
    """Whatever failed is said to have failed for a Transaction UID that was used before."""

    def duplicate(root: Root) -> None:
        for item in root.get(FAILED_SOPS, {}).get("Value", []):
            item[REASON]["Value"] = [0x0131]

    return bent(x, duplicate)


@failure_reason_fits.mutant
def calls_the_unknown_a_conflict(x: Exchange) -> Answer | None:
    """Whatever failed is said to be of another class."""

    def conflict(root: Root) -> None:
        for item in root.get(FAILED_SOPS, {}).get("Value", []):
            item[REASON]["Value"] = [0x0119]

    return bent(x, conflict)
