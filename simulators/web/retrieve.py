"""Knows how instances and their metadata are retrieved (PS3.18 10.4): which representation of each, in which payload.

Must not know how representations are made.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeVar

from anyio.to_thread import run_sync

from simulators.archive.held import Held
from simulators.model.bulk import opened
from simulators.model.names import BASE
from simulators.model.xml_encode import document
from simulators.web import multipart_out, pixels
from simulators.web.call import Call, Reply
from simulators.web.content import Later, Piece, joined
from simulators.web.multipart_out import Part
from simulators.web.negotiate import DICOM, JSON, OCTETS, XML, Acceptable, Offer, Selected
from simulators.web.report import Problem
from simulators.web.service import Service, url

METADATA = (Offer(JSON), Offer(XML, multipart=True))
Item = TypeVar("Item")


@dataclass(frozen=True)
class Plan[Item]:
    """What is sent: one offer for the message, and for each item that has it the transfer syntax."""

    offer: Offer
    chosen: Sequence[tuple[Item, str]]
    whole: bool
