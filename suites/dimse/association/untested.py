"""What of PS3.8 and PS3.7 Annex D no rule verifies, and why; and known defects that no mutant imitates.

Must not know the rules.
"""

from __future__ import annotations

from harness.rule import undetected, untested

_SCRIPTED = "a requestor shows this to an acceptor that answers so, and none of ours does"
_OWN_TIMER = "the value of the timer is the product's own, so a wait in vain shows nothing"
_ROBUST = "robustness, not conformance: "

untested("UL-TCP-002", why="the product's own setting; that it listens where the target says is all that is seen")
untested("UL-TCP-003", why=f"{_OWN_TIMER}; association.silence asks, association.says-what-its-state-allows looks on")
untested("UL-TCP-005", why=_OWN_TIMER)
untested("UL-TCP-006", why=_OWN_TIMER)
untested("UL-TCP-008", why=f"{_ROBUST}association.silence asks a plain association beside each silent connection")
untested("UL-TCP-009", why="an address of the target is one of IPv6 or none; every rule holds on either")
untested("UL-TCP-010", why="the limit is the product's own claim, and to exceed it disturbs whoever else uses it")
untested("UL-PDU-006", why=_SCRIPTED)
untested("UL-PDU-013", why="no reason of an abort is demanded: Table 9-26 says which there are, not which one is due")
untested("UL-PDU-015", why=f"{_ROBUST}memory of a product is not seen from outside")
untested("UL-PDU-017", why=f"{_ROBUST}association.unknown-pdu-ends-it judges the reaction itself")
untested("UL-ASSOC-009", why=_SCRIPTED)
untested("UL-ASSOC-011", why="whether a calling title is looked at is the product's own policy (7.1.1.3)")
untested("UL-ASSOC-017", why=f"{_ROBUST}the odd and unique identifiers bind who sends them, no reaction is named")
untested("UL-ASSOC-022", why=_SCRIPTED)
untested("UL-ASSOC-032", why="which rejections are transient is described (7.1.1.7), not demanded case by case")
untested("UL-ASSOC-037", why=f"{_ROBUST}a timer above the upper layer (9.1.4)")
untested("UL-ASSOC-039", why=f"{_ROBUST}association.odd-requests asks, no reaction is named")
untested("UL-ASSOC-040", why="the policy of choosing is in the product's conformance statement")
untested("UI-MAX-005", why="every data set that is stored fills P-DATA-TF up to the maximum: rules of storage judge it")
untested("UI-MAX-006", why=f"{_ROBUST}the item is required of who sends it, no reaction to its absence is named")
untested("UI-IMP-003", why="two products may share one address, so differing values on one address break nothing")
untested("UI-IMP-004", why=f"{_ROBUST}no reaction to the absence is named")
untested("UI-ROLE-004", why=_SCRIPTED)
untested("UI-ROLE-007", why="no reaction to a role for what was not proposed is named")
untested(
    "UI-ASYNC-001", why="every operation without a window is synchronous: messages.response-to-each-request judges it"
)
untested("UI-ASYNC-006", why=f"{_ROBUST}no reaction is named")
untested("UI-EXT-004", why=_SCRIPTED)
untested(
    "UI-EXT-006", why="levels of storage are told in words and shown by what comes back: rules of retrieve judge that"
)
untested("UI-EXT-007", why=f"{_ROBUST}no reaction is named")
untested("UI-COM-002", why="allowed, not demanded")
untested("UI-ID-005", why="demanded of who claims the profile (PS3.15 B.4), and a target does not say that it does")
untested("UI-ID-007", why="the requestor's own decision (D.3.3.7)")
untested("UI-ID-008", why=f"{_ROBUST}no reaction is named")
untested("UL-PDV-013", why=f"{_ROBUST}no timer of the upper layer runs while a message is unfinished")
untested("UL-PDV-015", why=f"{_ROBUST}association.invalid-pdu-ends-it judges what is not made of whole values")
untested("UL-PDV-016", why=f"{_ROBUST}the order binds who sends, no reaction is named")
untested("UL-REL-002", why="an acceptor may confirm at any moment (7.2.2.3); that answers come first is its choice")
untested("UL-REL-003", why="only requestors ask for a release (PS3.7 A.5), so no acceptor of ours collides with one")
untested("UL-REL-004", why="an acceptor may not ask for a release: association.acceptor-asks-for-no-release")
untested("UL-REL-008", why=f"{_ROBUST}association.unexpected-pdu-ends-it judges the reaction itself")
untested("UL-ABT-004", why="what becomes of half an object is not said by the upper layer")
untested("UL-ABT-005", why=f"{_ROBUST}association.is-answered judges the association that follows each abort")
untested(
    "UL-ABT-006", why="who is told of the broken connection is the product's own user (AA-4); nothing is said then"
)
untested("UL-ABT-007", why=f"{_ROBUST}association.aborts asks with a reserved source; over-is-over judges the end")
untested("UL-FSM-004", why="an idle time is the product's own claim")
untested("UL-FSM-005", why="when an abort is noticed is not said; over-is-over judges that it is")

_BROKEN_ACCEPTOR = "only a broken acceptor provokes it, and none of ours breaks so"

undetected("M-AS-02", why=_BROKEN_ACCEPTOR)
undetected("M-AS-15", why=_BROKEN_ACCEPTOR)
undetected("M-AS-17", why=_BROKEN_ACCEPTOR)
undetected("M-AS-18", why="only requestors ask for a release (PS3.7 A.5), so no collision is provoked")
undetected("M-AS-20", why="a mutant says things; it cannot keep a connection open that is to be closed")
undetected("M-AS-22", why="a timer above the upper layer (PS3.8 9.1.4), whose value is the product's own")
undetected("M-AS-23", why=_BROKEN_ACCEPTOR)
undetected("M-AS-26", why="that an abort overtook a request shows in nothing that is said on the connection")
undetected("M-AS-27", why="no notification is sent to a requestor that is about to leave")
undetected("M-AS-29", why="association.says-what-its-state-allows sees it; mutants of that rule act as the acceptor")
undetected("M-AS-36", why=_BROKEN_ACCEPTOR)
undetected("M-AS-38", why="a handshake that stalls says nothing that a rule of associations could judge")
undetected("M-AS-39", why="what leads to another connection than ours is not recorded")
undetected("M-AS-40", why="who asks for C-GET need not be the one who receives; the rules of retrieve see nothing come")
