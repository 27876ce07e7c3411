"""Says which demands of PS3.4 and PS3.15 nothing verifies yet, because no rule or door speaks of them: and why.

Must not know services that have rules of their own.
"""

from __future__ import annotations

from collections.abc import Iterable

from harness.rule import undetected, untested


def _rows(prefix: str, numbers: Iterable[int], why: str) -> None:
    for number in numbers:
        untested(f"{prefix}-{number:03d}", why)


_rows("SV-IAN", range(1, 3), "no door for instance availability is simulated yet")
_rows("SV-PRT", range(1, 12), "no printer is simulated yet")
_rows("SV-MCM", range(1, 5), "no door for media creation is simulated yet")
_rows("SV-LOG", range(1, 4), "no door for event logging is simulated yet")
_rows("SV-RTV", range(1, 4), "no door for RT machine verification is simulated yet")
_rows("SV-DSP", range(1, 2), "no display system is simulated yet")
_rows("SV-INV", range(1, 5), "no door for inventories is simulated yet")
undetected("M-NS-13", "no printer is simulated yet")
undetected("M-NS-15", "no printer is simulated yet, and no other service has a Meta SOP Class")
undetected("M-NS-16", "no door for instance availability is simulated yet")
undetected("D-NS-05", "no printer is simulated yet")

_ABOVE = "what is recorded begins above TLS: versions, suites and certificates are not in the record"
_rows("SE-TLS", range(1, 9), _ABOVE)
untested("SE-TLS-009", "a TLS handshake on a plain port is judged as what is no PDU; the reverse is not tried")
untested("SE-TLS-010", "a silent peer on a plain port is judged; a handshake that stalls is not tried")
untested("SE-TLS-011", "nothing between the two sides alters TLS records")
untested("SE-TLS-012", "on which port a product listens is a matter of configuration")
untested("SE-TLS-013", "whether a product was told to call back over TLS is a matter of configuration")
untested("SE-UID-001", "the items are judged as UI-ID rows; whether an identity is checked is configured")
_rows("SE-AUD", range(1, 7), "audit messages do not travel over DIMSE, and nothing receives them yet")
_rows("SE-DEI", range(1, 8), "de-identified objects are not judged yet")
untested("SE-SIG-001", "digital signatures are not verified yet")
untested("SE-USE-001", "the status of an instance in Online Electronic Storage is not seen on the wire")
