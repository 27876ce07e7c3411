"""The Verification Service Class (PS3.4 Annex A): its one rule, and what provokes it.

Must not know other services.
"""

from __future__ import annotations

from collections.abc import Iterator

from harness.association import Operation
from harness.rule import MESSAGE, SCP, Finding, operation, untested
from harness.upper_layer.message import Message as Sent
from suites.dimse import bend
from suites.dimse.bend import but
from suites.dimse.reading import hexed

CLASS = "1.2.840.10008.1.1"


@operation(
    "verification.success",
    cites="PS3.7 9.3.5.2; PS3.4 A.2, A.4",
    verifies=("SV-ECHO-001", "SV-ECHO-002"),
    on="dimse.verification.echo",
    who=SCP,
    content=False,
    when=lambda o: o.request.sop_class == CLASS and not o.facts.get("provoked"),
    says="A C-ECHO in an accepted context of the Verification SOP Class is answered 0000H.",
)
def success(o: Operation) -> Iterator[Finding]:
    if o.status != 0:
        yield Finding(hexed(o.status), "0000H", o.where(o.final))


@success.mutant(at=MESSAGE)
def refuses_to_echo(message: Sent, asked: Sent | None) -> Sent | None:
    """C-ECHO is answered 0122H."""
    return but(message, Status=0x0122) if bend.is_response(message, "echo") else None


untested("SV-ECHO-003", "PS3.4 Annex A leaves it to each application entity which roles it supports")
untested("SV-ECHO-004", "a matter of load: the text sets no number")
