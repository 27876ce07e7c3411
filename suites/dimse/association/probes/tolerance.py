"""Says odd things that a receiver has to take: each beside a plain association, with one C-ECHO at its end.

Must not know what is judged about them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from harness.rule import probe
from harness.talk.dialogue import Bare, Dimse
from harness.talk.identifiers import Instance, instance
from harness.upper_layer import encode
from harness.upper_layer import message as messages
from harness.upper_layer.item import Item
from harness.upper_layer.offer import Common, Identity, Proposed
from suites.dimse.association import octets
from suites.dimse.association.probes.talk import echo, heard_out, opened, pieces, released, request
from suites.dimse.association.tolerance import CONTEXTS, KIND, PLAIN, STORING

Ask = Callable[[Dimse, int], bytes]
Say = Callable[[Bare, int], None]
SEVERAL = "several-for-one-class"


def _in_one_piece(bare: Bare, id: int) -> None:
    bare.say(octets.say_echo(id))


def _reserved(dimse: Dimse, id: int) -> bytes:
    """Every reserved field of the request that has no meaning elsewhere is set."""
    raw = request(dimse, id)
    body = b"".join(octets.item(t, c, 0xFF) for t, c in map(_marked, octets.items(raw[octets.FIXED :])))
    return octets.pdu(1, raw[6:8] + b"\xff\xff" + raw[10:42] + b"\xff" * 32 + body, 0xFF)


def _marked(item: octets.Item) -> octets.Item:
    """The item with the reserved octets inside set."""
    type, content = item
    if type == 0x20:
        subs = b"".join(octets.item(t, c, 0xFF) for t, c in octets.items(content[4:]))
        return type, content[:1] + b"\xff\xff\xff" + subs
    if type == 0x50:
        return type, b"".join(octets.item(t, c, 0xFF) for t, c in octets.items(content))
    return item


def _say_reserved(bare: Bare, id: int) -> None:
    bare.say(octets.pdu(4, octets.value(id, 3, octets.echo()), 0xFF))


def _reversed(dimse: Dimse, id: int) -> bytes:
    raw = request(dimse, id)
    return octets.edited_user(raw, 1, lambda given: given[::-1]) or raw


def _with_spaces(dimse: Dimse, id: int) -> bytes:
    """The titles stand as far to the right as their 16 octets let them."""
    raw = request(dimse, id)
    called, calling = (raw[at : at + 16].rstrip(b" ").rjust(16) for at in (10, 26))
    return raw[:10] + called + calling + raw[42:]


def _version(dimse: Dimse, id: int) -> bytes:
    raw = request(dimse, id)
    return raw[:6] + b"\x80\x03" + raw[8:]


def _many(dimse: Dimse, id: int) -> bytes:
    """128 contexts with 40 transfer syntaxes each: the default one, and others that nobody knows."""
    known = (octets.IMPLICIT, octets.EXPLICIT)
    others = tuple(f"2.25.{number}" for number in range(1000, 1038))
    rest = (Proposed(n, octets.VERIFICATION, known + others) for n in range(1, 256, 2) if n != id)
    return request(dimse, id, tuple(rest))


def _several(dimse: Dimse, id: int) -> bytes:
    more = (Proposed(id + 2, octets.VERIFICATION, (octets.EXPLICIT,)),
            Proposed(id + 4, octets.VERIFICATION, (octets.EXPLICIT, octets.IMPLICIT)))  # fmt: skip
    return request(dimse, id, more)


def _common(dimse: Dimse, id: int) -> bytes:
    return request(dimse, id, common=(Common(octets.VERIFICATION, "1.2.840.10008.4.2"),))


def _user(dimse: Dimse, id: int) -> bytes:
    return request(dimse, id, identity=dimse.offer().identity or Identity(1, b"dicomproof"))


def _with_bits(bare: Bare, id: int) -> None:
    bare.say(octets.say_echo(id, header=0xFF))


def _cut_small(bare: Bare, id: int) -> None:
    bare.say(*(octets.data(one) for one in pieces(id, octets.echo(), 2)))


def _cut_in_two(bare: Bare, id: int) -> None:
    bare.say(octets.data(*pieces(id, octets.echo(), 30)))


def _two_at_once(bare: Bare, id: int) -> None:
    first, *rest = pieces(id, octets.echo(), 30)
    bare.say(octets.data(first) + b"".join(octets.data(one) for one in rest))


def _octet_by_octet(bare: Bare, id: int) -> None:
    bare.drip(octets.say_echo(id))


def _item(dimse: Dimse, id: int) -> bytes:
    return request(dimse, id, items=(Item(0x77, (b"unheard of",)),))


def _user_item(dimse: Dimse, id: int) -> bytes:
    return request(dimse, id, user_items=(Item(0x5F, (b"unheard of",)),))


def _no_limit(dimse: Dimse, id: int) -> bytes:
    return request(dimse, id, maximum_length=0)


def _small(dimse: Dimse, id: int) -> bytes:
    return request(dimse, id, maximum_length=64)


def _short_name(dimse: Dimse, id: int) -> bytes:
    return request(dimse, id, implementation_version="X")


STEPS: dict[str, tuple[Ask, Say]] = {
    "reserved": (_reserved, _say_reserved),
    "unknown-item": (_item, _in_one_piece),
    "unknown-user-item": (_user_item, _in_one_piece),
    "user-items-reversed": (_reversed, _in_one_piece),
    "version-bits": (_version, _in_one_piece),
    "title-spaces": (_with_spaces, _in_one_piece),
    "octet-by-octet": (request, _octet_by_octet),
    "several-at-once": (request, _two_at_once),
    "control-bits": (request, _with_bits),
    "command-in-pieces": (request, _cut_small),
    "two-fragments": (request, _cut_in_two),
    "no-limit": (_no_limit, _in_one_piece),
    "small-maximum": (_small, _in_one_piece),
    "many-contexts": (_many, _in_one_piece),
    "short-version-name": (_short_name, _in_one_piece),
    "user-identity": (_user, _in_one_piece),
    "common-extended": (_common, _in_one_piece),
    SEVERAL: (_several, _in_one_piece),
}


@probe("association.tolerance", provokes=KIND, needs="nothing")
def tolerance(dimse: Dimse) -> None:
    """Reserved fields set, items unknown, order turned round, PDUs cut anywhere: all of it has to be taken."""
    with dimse.journey(KIND):
        echo(dimse, PLAIN)
        for step, (ask, say) in STEPS.items():
            _tried(dimse, step, partial(ask, dimse, CONTEXTS[step]), say)


def _tried(dimse: Dimse, step: str, ask: Callable[[], bytes], say: Say) -> None:
    with dimse.connect(step, {"provoked": step}) as bare:
        if step == "octet-by-octet":
            bare.drip(ask())
            there = opened(bare, b"", CONTEXTS[step])
        else:
            there = opened(bare, ask(), CONTEXTS[step])
        if there:
            say(bare, CONTEXTS[step])
            if heard_out(bare):
                released(bare)


MOST = 1500  # fragments that a data set is cut into


@probe("association.pieces", provokes=(STORING, "dimse.storage"), needs="loaded")
def stored_in_pieces(dimse: Dimse) -> None:
    """The smallest instance that was loaded, stored again: as usual, in small pieces, and together with its command."""
    samples = sorted(dimse.samples, key=lambda one: len(one.part10))
    if not samples:
        return
    it = instance(samples[0])
    data = it.data if isinstance(it.data, bytes) else it.data.bytes()
    with dimse.journey(STORING):
        with dimse.associate([(it.sop_class, (syntax,)) for syntax in _syntaxes(it)], PLAIN) as a:
            a.store(it)
        size = max(2, len(data) // MOST & ~1)
        _stored(dimse, "data-in-pieces", it, [data[at : at + size] for at in range(0, len(data), size)], alone=True)
        first = min(100, len(data)) & ~1
        rest = [data[at : at + 1000] for at in range(first, len(data), 1000)]
        _stored(dimse, "command-with-data", it, [data[:first], *rest], alone=False)


def _syntaxes(it: Instance) -> list[str]:
    """The transfer syntax that it is stored in, and the default one, which has to be offered as well (PS3.5 10.1)."""
    return list(dict.fromkeys((it.transfer_syntax, octets.IMPLICIT)))


def _stored(dimse: Dimse, step: str, it: Instance, pieces: list[bytes], alone: bool) -> None:
    """Store these pieces one after the other; unless `alone`, the first stands in one PDU with the command."""
    id = CONTEXTS[step]
    contexts = [Proposed(id + 2 * n, it.sop_class, (syntax,)) for n, syntax in enumerate(_syntaxes(it))]
    with dimse.connect(step, {"provoked": step}) as bare:
        if opened(bare, encode.associate_rq(dimse.offer(contexts)).encode(), id):
            command = octets.value(id, 3, messages.store_rq(id, 1, it.sop_class, it.instance, b"").octets())
            values = [octets.value(id, 2 * (n == len(pieces)), piece) for n, piece in enumerate(pieces, 1)]
            head = [octets.data(command)] if alone else [octets.data(command, values.pop(0))]
            if bare.say(*head, *(octets.data(one) for one in values)) and heard_out(bare):
                released(bare)
