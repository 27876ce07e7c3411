"""An acceptor's answers to offers, by a stated policy."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.upper_layer.negotiate import Policy, ae_title, negotiate
from harness.upper_layer.offer import (
    Acceptance,
    Answered,
    Extended,
    Identity,
    Offer,
    Rejection,
    Role,
    Window,
    agreed,
    propose,
)

OFFER = Offer(propose([("1.1", ["1.2.1", "1.2.2"]), ("1.3", ["1.2.1"]), ("1.4", ["1.2.9"])]), "PACS", "ME")
POLICY = Policy({"1.1": ["1.2.2", "1.2.1"], "1.4": ["1.2.1"]})


def test_every_context_is_answered_in_the_order_of_the_offer():
    answer = negotiate(OFFER, POLICY)
    assert isinstance(answer, Acceptance)
    assert answer.contexts == (Answered(1, 0, "1.2.1"), Answered(3, 3, "1.2.1"), Answered(5, 4, "1.2.9"))
    assert (answer.called, answer.calling) == ("PACS", "ME")


def test_the_acceptor_may_prefer_its_own_order():
    answer = negotiate(OFFER, Policy(POLICY.supports, prefer="own"))
    assert isinstance(answer, Acceptance)
    assert answer.contexts[0].transfer == "1.2.2"


@pytest.mark.parametrize(
    ("offer", "policy", "rejection"),
    [
        (OFFER.but(protocol_version=2), POLICY, Rejection(1, 2, 2)),
        (OFFER.but(application_context="1.2"), POLICY, Rejection(1, 1, 2)),
        (OFFER, Policy(called=frozenset({"OTHER"})), Rejection(1, 1, 7)),
        (OFFER, Policy(calling=frozenset({"OTHER"})), Rejection(1, 1, 3)),
        (OFFER.but(identity=Identity(1, b"x")), Policy(identity=lambda i: Rejection(1, 2, 1)), Rejection(1, 2, 1)),
    ],
)
def test_rejections(offer, policy, rejection):
    assert negotiate(offer, policy) == rejection


def test_spaces_around_a_title_do_not_matter():
    for called in (b"  PACS          ", "PACS", b"PACS            "):
        assert isinstance(negotiate(OFFER.but(called=called), Policy(called=frozenset({"PACS"}))), Acceptance)
    assert ae_title(b" A B ") == "A B"


BITS = st.integers(0, 1)


@given(BITS, BITS, st.booleans(), st.booleans())
def test_roles_are_granted_only_as_proposed(scu, scp, may_scu, may_scp):
    offer = OFFER.but(roles=(Role("1.1", scu, scp), Role("1.3", 1, 1)))
    answer = negotiate(offer, Policy(POLICY.supports, roles={"1.1": (may_scu, may_scp)}))
    assert isinstance(answer, Acceptance)
    assert answer.roles == (Role("1.1", int(scu and may_scu), int(scp and may_scp)),)
    contexts = agreed(offer, answer)
    assert (contexts[1].scu, contexts[1].scp) == (bool(scu and may_scu), bool(scp and may_scp))


def test_without_role_selection_the_requestor_is_scu():
    answer = negotiate(OFFER, POLICY)
    assert isinstance(answer, Acceptance)
    assert (agreed(OFFER, answer)[1].scu, agreed(OFFER, answer)[1].scp) == (True, False)
    # roles that nobody proposed are ignored
    assert agreed(OFFER, answer.but(roles=(Role("1.1", 0, 1),)))[1].scp is False


@given(st.integers(0, 9), st.integers(0, 9), st.integers(0, 9), st.integers(0, 9))
def test_a_window_is_never_wider_than_asked(a, b, c, d):
    answer = negotiate(OFFER.but(window=Window(a, b)), Policy(window=Window(c, d)))
    assert isinstance(answer, Acceptance)
    assert answer.window is not None
    for asked, own, told in ((a, c, answer.window.invoked), (b, d, answer.window.performed)):
        assert told == (0 if asked == own == 0 else min(n for n in (asked, own) if n))


def test_nothing_is_answered_that_was_not_asked():
    answer = negotiate(OFFER, Policy(window=Window(3, 3), roles={"1.1": (True, True)}, identity=lambda i: b""))
    assert isinstance(answer, Acceptance)
    assert (answer.window, answer.roles, answer.extended, answer.identity) == (None, (), (), None)
    silent = negotiate(
        OFFER.but(window=Window(3, 3), identity=Identity(1, b"u", positive=0)), Policy(identity=lambda i: b"")
    )
    assert isinstance(silent, Acceptance)
    assert (silent.window, silent.identity) == (None, None)


def test_extended_negotiation_and_identity_are_answered_by_the_policy():
    offer = OFFER.but(
        extended=(Extended("1.1", b"\1\1"), Extended("1.3", b"\1")), identity=Identity(1, b"user", positive=1)
    )
    policy = Policy(
        extended=lambda asked: Extended(asked.uid, b"\0\1") if asked.uid == "1.1" else None,
        identity=lambda identity: b"hello " + identity.primary,
    )
    answer = negotiate(offer, policy)
    assert isinstance(answer, Acceptance)
    assert (answer.extended, answer.identity) == ((Extended("1.1", b"\0\1"),), b"hello user")
