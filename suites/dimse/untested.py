"""What no rule on messages, data sets, storage or query and retrieval verifies, and why; defects that none imitates.

Must not know rules.
"""

from __future__ import annotations

from harness.rule import undetected, untested

_BOUND = "robustness: the text sets no bound; probes of the upper layer look whether the target lives on"
_LOAD = "a matter of load: the text sets no number"
_STATEMENT = "the text asks for a statement in the conformance statement, which is no message"
_INSIDE = "what an application does with it is not on the wire"
_STREAM = "judged in the bit stream by rules on pixel data, which look at instances over the web"
_OTHER_MODEL = "a Query/Retrieve model of its own that neither our probes nor the reference simulator speak yet"

for _id in ("DM-CMD-004", "DM-CMD-022", "DM-CMD-013", "DM-CMD-015", "DM-CAN-005", "SV-STO-013", "SV-MOV-013",
            "ENC-BAD-001", "ENC-BAD-002"):  # fmt: skip
    untested(_id, _BOUND)
for _id in ("SV-STO-017", "SV-STO-018", "SV-STO-020", "SV-FND-020", "ENC-CS-007"):
    untested(_id, _LOAD)

untested("DM-CAN-004", "no clause says what a C-CANCEL for a Message ID that nobody used does")
untested("DM-CMD-009", _INSIDE)
untested("DM-CMD-021", "no clause says what a receiver makes of an element that is not registered")
untested("DM-STAT-004", _INSIDE)
untested("DM-STAT-005", _INSIDE)
untested("SV-STO-012", _STATEMENT)
untested("SV-STO-008", "B.4.1.1 lets an SCP take what it does not validate")
untested("SV-STO-009", "no clause speaks of an instance that comes twice")
untested(
    "SV-STO-011", "which instances an SCU may send is known to itself; that it sends in accepted contexts is judged"
)
untested("SV-STO-014", _STATEMENT)
untested("SV-STO-019", "whether an SCU can decompress is known to itself")
untested("SV-FND-003", "an SCP may process what is not hierarchical; C.4.1.3.1 asks for a failure only when it cannot")
untested("SV-FND-021", _OTHER_MODEL)
untested("SV-FND-022", _OTHER_MODEL)
untested("SV-MOV-012", "no clause speaks of transcoding towards a destination")
untested("SV-CIR-001", _OTHER_MODEL)
untested("SV-CIR-002", _OTHER_MODEL)
untested("SV-CIR-003", _OTHER_MODEL)
for _id in ("SV-NPQ-001", "SV-NPQ-002", "SV-NPQ-003", "SV-RPI-001", "SV-RPI-002", "SV-SAQ-001"):
    untested(_id, _OTHER_MODEL)

untested("ENC-EL-004", "needs a value of 64 KiB in a short form VR; no generator makes one yet")
untested("ENC-EL-005", "PS3.5 7.2 only recommends to leave group lengths out")
untested("ENC-TS-003", "an explicit big endian context is judged as any other that was accepted")
untested("ENC-TS-007", "the Extended Offset Table has no reader yet")
for _id in ("ENC-TS-006", "ENC-TS-008", "ENC-TS-009", "ENC-TS-010", "ENC-TS-011", "ENC-TS-012", "ENC-TS-013",
            "ENC-TS-014", "ENC-TS-015", "ENC-TS-017"):  # fmt: skip
    untested(_id, _STREAM)
untested("ENC-TS-016", "a SHOULD of our own making: PS3.4 leaves to the SCP what it converts")
untested("ENC-TS-018", "judged with the acceptance of presentation contexts")
untested("ENC-UID-001", "that UIDs are unique cannot be seen in one run; their form is judged")
untested("ENC-UID-002", "a UID below 2.25 is judged by the form of UIDs alone")

_WEB = "the same defect is judged in Query and Retrieve over the web; its DIMSE data has no probe yet"
undetected("M-CF-20", _WEB)
undetected("M-CF-22", "Timezone Offset From UTC is an optional key: PS3.4 C.4.1.1.3.2 lets an SCP not know it")
undetected(
    "M-CF-28", "keys below sequences are optional in the Query/Retrieve models; judged over the web and in worklists"
)
undetected(
    "M-CF-31", "what an SCU under test sends in other character sets is judged by dataset.values in responses only"
)
undetected("M-CF-34", _WEB)
undetected("M-CF-35", _WEB)
undetected("M-CF-36", _WEB)
undetected("M-CM-07", "no clause forbids an association over which nothing is sent")
undetected("M-CM-11", "the order of events on two associations has no common clock in the record")
undetected("M-CM-12", "PS3.4 C.4.2.3.1 leaves Pending responses to the SCP")
undetected("M-CM-16", "needs one Study Instance UID in two patients, which the information model excludes (C.3.1)")
undetected("M-CM-21", "an SCU's own matter: what it does with a status is not on the wire")
undetected("M-CM-22", "whose association is whose cannot be told from outside")
undetected("M-CM-26", "PS3.7 Table 9.1-1 leaves Affected SOP UIDs in responses to the SCP")
undetected("M-CM-27", "PS3.7 Table 9.1-1 leaves Affected SOP UIDs in responses to the SCP")
undetected("D-CM-04", "PS3.4 B.4.1.1 does not ask an SCP to validate what it stores")
