"""Two machines that talk to each other without a socket, and what they say."""

from __future__ import annotations

import pytest

from harness.upper_layer.indications import AssociateRequested
from harness.upper_layer.machine import Machine
from harness.upper_layer.negotiate import Policy, negotiate
from harness.upper_layer.offer import EXPLICIT, IMPLICIT, Acceptance, Offer, propose

VERIFICATION, CT, FIND = "1.2.840.10008.1.1", "1.2.840.10008.5.1.4.1.1.2", "1.2.840.10008.5.1.4.1.2.2.1"
OFFER = Offer(propose([(VERIFICATION, [IMPLICIT]), (CT, [EXPLICIT, IMPLICIT]), (FIND, [IMPLICIT])]))
POLICY = Policy({VERIFICATION: [IMPLICIT], CT: [IMPLICIT, EXPLICIT]})


class Pair:
    """A requestor and an acceptor, associated unless told otherwise."""

    def __init__(self, offer: Offer = OFFER, policy: Policy = POLICY, **acceptor) -> None:
        self.requestor = Machine("requestor", offer)
        self.acceptor = Machine("acceptor", **acceptor)
        self.policy = policy
        self.requestor.connect()
        self.requestor.connected()
        self.acceptor.opened()

    def associate(self) -> Pair:
        (asked,) = self.to_acceptor()
        assert isinstance(asked, AssociateRequested)
        answer = negotiate(asked.offer, self.policy)
        if isinstance(answer, Acceptance):
            self.acceptor.accept(answer)
        else:
            self.acceptor.reject(answer)
        self.said = self.to_requestor()
        return self

    def to_acceptor(self):
        return self.acceptor.receive(self.requestor.octets_to_send())

    def to_requestor(self):
        return self.requestor.receive(self.acceptor.octets_to_send())


@pytest.fixture
def pair():
    return Pair().associate()
