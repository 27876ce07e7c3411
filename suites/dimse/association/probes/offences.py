"""Breaks the protocol on purpose: PDUs where they do not belong, octets that are none, ends at the wrong moment.

Must not know what is judged about the reaction.
"""

from __future__ import annotations

from harness.rule import probe
from harness.talk.dialogue import Dimse
from harness.upper_layer.offer import Proposed
from suites.dimse.association import octets
from suites.dimse.association.probes.talk import echo, heard_out, opened, pieces, reaction, request

ASSOCIATION = "dimse.association"
HELLO = bytes.fromhex("1603010048010000440303") + bytes(range(32)) + bytes.fromhex("000004130113020100000f") + bytes(15)
FIRST = {
    "acceptance first": octets.associate_ac(),
    "rejection first": octets.associate_rj(1, 1, 1),
    "message first": octets.say_echo(1),
    "release first": octets.RELEASE_RQ,
    "confirmation first": octets.RELEASE_RP,
}
STRANGE = {
    "PDU type 09H": octets.pdu(9, bytes(4)),
    "PDU type 00H": octets.pdu(0, bytes(4)),
    "PDU type FFH": octets.pdu(255, b""),
}
NO_PDU = {
    "an HTTP request": b"GET / HTTP/1.1\r\nHost: dicom\r\n\r\n",
    "a TLS ClientHello": HELLO,
    "octets of nobody": bytes(range(64, 128)) * 4,
}


@probe("association.unexpected-first", provokes=ASSOCIATION, needs="nothing")
def unexpected_first(dimse: Dimse) -> None:
    """On a fresh connection: every PDU but A-ASSOCIATE-RQ, types that do not exist, and what is no DICOM at all."""
    for provoked, raw in (FIRST | STRANGE | NO_PDU).items():
        with dimse.connect(facts={"provoked": provoked}) as bare:
            bare.say(raw)
            reaction(bare)
    echo(dimse)


@probe("association.unexpected-later", provokes=ASSOCIATION, needs="nothing")
def unexpected_later(dimse: Dimse) -> None:
    """On an open association: a second request, its answers, a confirmation nobody asked for, unknown types."""
    said = {
        "second request": request(dimse),
        "acceptance": octets.associate_ac(),
        "rejection": octets.associate_rj(1, 1, 1),
        "confirmation": octets.RELEASE_RP,
    } | STRANGE
    for provoked, raw in said.items():
        with dimse.connect(facts={"provoked": provoked}) as bare:
            if opened(bare, request(dimse)):
                bare.say(raw)
                reaction(bare)
    echo(dimse)


@probe("association.after-the-end", provokes=ASSOCIATION, needs="nothing")
def after_the_end(dimse: Dimse) -> None:
    """A second association on a connection that was released; a message, or a release, right behind the release."""
    with dimse.connect(facts={"provoked": "second association"}) as bare:
        if opened(bare, request(dimse)):
            bare.say(octets.RELEASE_RQ)
            if bare.pdu()[:1] == b"\6" and bare.say(request(dimse)):
                reaction(bare)
    for provoked, raw in (("message behind the release", octets.say_echo(1)), ("release twice", octets.RELEASE_RQ)):
        with dimse.connect(facts={"provoked": provoked}) as bare:
            if opened(bare, request(dimse)) and bare.say(octets.RELEASE_RQ + raw):
                while bare.pdu(1.0, quiet=True)[:1] not in (b"", b"\6", b"\7"):
                    pass
    echo(dimse)


@probe("association.aborts", provokes=ASSOCIATION, needs="nothing")
def aborts(dimse: Dimse) -> None:
    """A-ABORT at every moment, with every source; connections that break; then a plain association."""
    command = list(pieces(1, octets.echo(), 20))
    for source, reason in ((0, 0), (2, 2), (1, 9)):
        with dimse.connect(facts={"provoked": "abort"}) as bare:
            if opened(bare, request(dimse)):
                bare.say(octets.abort(source, reason))
                bare.until_closed()
    with dimse.connect(facts={"provoked": "abort within a message"}) as bare:
        if opened(bare, request(dimse)):
            bare.say(octets.data(command[0]), octets.abort())
            bare.until_closed()
    with dimse.connect(facts={"provoked": "abort before the answer"}) as bare:
        bare.say(request(dimse) + octets.abort())
        bare.until_closed()
    with dimse.connect(facts={"provoked": "abort at once"}) as bare:
        bare.say(octets.abort())
        bare.until_closed()
    for broken in (request(dimse)[:100], request(dimse)):
        with dimse.connect(facts={"provoked": "broken connection"}) as bare:
            bare.say(broken)
            bare.reset()
    with dimse.connect(facts={"provoked": "broken connection"}) as bare:
        if opened(bare, request(dimse)):
            bare.say(octets.data(command[0])[:20])
            bare.reset()
    echo(dimse)


@probe("association.silence", provokes=ASSOCIATION, needs="nothing")
def silence(dimse: Dimse) -> None:
    """Connections on which nothing comes, or not all that was begun: the target may say nothing and has to go on."""
    for begun in (b"", b"\1", request(dimse)[:40]):
        with dimse.connect(facts={"provoked": "silence"}) as bare:
            bare.say(begun)
            echo(dimse, beside="a connection on which nothing comes")
            bare.pdu(1.0, quiet=True)
    echo(dimse)


@probe("association.message-faults", provokes=ASSOCIATION, needs="nothing")
def message_faults(dimse: Dimse) -> None:
    """P-DATA-TF that breaks Annex E: contexts nobody accepted, no end, no values, too long, in the wrong order."""
    command = octets.echo()
    half = list(pieces(1, command, 30))
    said = {
        "context that was not proposed": octets.say_echo(77),
        "context that was not accepted": octets.say_echo(3),
        "even context": octets.say_echo(2),
        "no values": octets.data(),
        "value longer than its PDU": octets.data(octets.value(1, 3, command, len(command) + 100)),
        "value without a header": octets.data(b"\0\0\0\1\1"),
        "data set first": octets.data(octets.value(1, 2, b"\0\0")),
        "context changes within a message": octets.data(half[0], octets.value(5, 3, command[30:])),
        "release that is too short": octets.pdu(5, b""),
        "release that is too long": octets.pdu(5, bytes(8)),
        "longer than the maximum": octets.data(octets.value(1, 3, command + bytes(4 << 20))),
    }
    others = (Proposed(3, "2.25.77", (octets.IMPLICIT,)), Proposed(5, octets.VERIFICATION, (octets.IMPLICIT,)))
    for provoked, raw in said.items():
        with dimse.connect(facts={"provoked": provoked}) as bare:
            if opened(bare, request(dimse, contexts=others)):
                bare.say(raw)
                bare.pdu(1.0, quiet=True)
    echo(dimse)


@probe("association.unfinished", provokes=ASSOCIATION, needs="nothing")
def unfinished(dimse: Dimse) -> None:
    """A release while a command is half said, right behind a command, and before anything was said."""
    begun = next(pieces(1, octets.echo(), 20))
    for provoked, raw in (
        ("release within a message", octets.data(begun) + octets.RELEASE_RQ),
        ("release before the answer", octets.say_echo(1) + octets.RELEASE_RQ),
    ):
        with dimse.connect(facts={"provoked": provoked}) as bare:
            if opened(bare, request(dimse)):
                bare.say(raw)
                while bare.pdu()[:1] == b"\4":
                    pass
    with dimse.connect() as bare:
        if opened(bare, request(dimse)) and bare.say(octets.RELEASE_RQ) and bare.pdu():
            bare.half_close()  # so that the target is the one who closes
            bare.until_closed(quiet=True)
    echo(dimse)


@probe("association.odd-requests", provokes=ASSOCIATION, needs="nothing")
def odd_requests(dimse: Dimse) -> None:
    """Requests that no requestor may send: no context, even or repeated identifiers, items too long."""
    plain = request(dimse)
    context = next(c for t, c in octets.items(plain[octets.FIXED :]) if t == 0x20)
    said = {
        "no contexts": _without(plain, 0x20),
        "no application context": _without(plain, 0x10),
        "no user information": _without(plain, 0x50),
        "even context": octets.edited(plain, 1, lambda g: [(t, b"\2" + c[1:] if t == 0x20 else c) for t, c in g]),
        "context twice": octets.edited(plain, 1, lambda g: [g[0], (0x20, context), *g[1:]]),
        "no transfer syntax": octets.edited(plain, 1, lambda g: [(t, _abstract(c) if t == 0x20 else c) for t, c in g]),
        "item too long": plain[: octets.FIXED + 2] + b"\x7f\xff" + plain[octets.FIXED + 4 :],
        "blank titles": plain[:10] + b" " * 32 + plain[42:],
        "titles of NUL": plain[:10] + bytes(32) + plain[42:],
    }
    for provoked, raw in said.items():
        with dimse.connect(facts={"provoked": provoked}) as bare:
            bare.say(raw or plain)
            if bare.pdu(seconds=5.0, quiet=True)[:1] == b"\2":
                bare.say(octets.abort())
                bare.until_closed()
    echo(dimse)


def _without(plain: bytes, type: int) -> bytes | None:
    return octets.edited(plain, 1, lambda given: [one for one in given if one[0] != type])


def _abstract(content: bytes) -> bytes:
    """A presentation context without its transfer syntaxes."""
    return content[:4] + octets.joined(one for one in octets.items(content[4:]) if one[0] == 0x30)


@probe("association.half-closed", provokes=ASSOCIATION, needs="nothing")
def half_closed(dimse: Dimse) -> None:
    """The requestor says that it will send nothing more, while the answer to its C-ECHO is still to come."""
    with dimse.connect(facts={"provoked": "half closed"}) as bare:
        if opened(bare, request(dimse)):
            bare.say(octets.say_echo(1))
            bare.half_close()
            heard_out(bare)
    echo(dimse)
