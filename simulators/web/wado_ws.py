"""Knows WADO-WS: three actions over SOAP, of which RetrieveImagingDocumentSet is RAD-69 (PS3.18 2017b 6.4).

Must not know how a document is rendered, or how its metadata are searched.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from anyio.to_thread import run_sync

from harness.make.uids import uid
from simulators.archive.held import Held
from simulators.archive.question import Key, Question
from simulators.model.codecs import codecs
from simulators.web import pixels, soap, uri_service, wado_ws_metadata, wado_ws_rendered
from simulators.web.call import Call, Reply, valid_uid
from simulators.web.content import Broken
from simulators.web.negotiate import DEFLATED, DICOM, EXPLICIT_LE, TYPE_OF
from simulators.web.report import Problem
from simulators.web.service import Service
from simulators.web.wado_ws_answer import (
    FRAME_RANGE,
    INCONSISTENT,
    INVALID,
    LIMITS,
    NO_DOCUMENT,
    NO_SERIES,
    NO_STUDY,
    NOT_IN_FORMAT,
    PROCESSING,
    UNABLE_TO_ANONYMIZE,
    UNKNOWN_REPOSITORY,
    UNSUPPORTED,
    UNSUPPORTED_FORMAT,
    Answer,
    Made,
    Refused,
    anonymous,
)
from simulators.web.wado_ws_request import Asked, Wanted, read

log = logging.getLogger("simulators.web")

REPOSITORY = uid("dicomproof", "repository")  # RepositoryUniqueId of this endpoint (6.4.1.1)
MEMORY = 256 << 20  # octets of documents of one answer that are made anew, which is done in memory
_CODES = {400: INVALID, 403: UNABLE_TO_ANONYMIZE, 406: NOT_IN_FORMAT, 413: LIMITS}

Make = Callable[[Wanted, Held], Awaitable[Made]]


async def converse(call: Call, service: Service) -> Reply:
    """Answer one request: every document it names is returned or refused with a code."""

    async def act(envelope: soap.Envelope) -> soap.Answer:
        asked = read(envelope.action, envelope.content)
        answer = Answer(asked)
        make = _maker(call, service, asked)
        memory = 0
        for wanted in asked.documents:
            try:
                held = await _held(service, wanted)
                if memory > MEMORY:
                    raise Refused(LIMITS, f"At most {MEMORY >> 20} MiB of one answer are made anew.")
                made = await make(wanted, held)
                memory += made.held
                answer.give(wanted, made)
            except Refused as why:
                answer.refuse(wanted, why)
            except Problem as why:
                answer.refuse(wanted, Refused(_CODES.get(why.status, PROCESSING), why.detail))
            except (Broken, FileNotFoundError) as why:
                answer.refuse(wanted, Refused(NOT_IN_FORMAT, f"The instance cannot be had so: {why}."))
            except Exception:  # one document must not take the others with it
                log.exception("WADO-WS failed for a document")
                answer.refuse(wanted, Refused(PROCESSING, "A condition was met that was not expected."))
        return answer.whole(envelope.action)

    return await soap.converse(call, act)


def _maker(call: Call, service: Service, asked: Asked) -> Make:
    if asked.service.kind == "rendered":
        return lambda wanted, held: wado_ws_rendered.made(service, wanted, held)
    if asked.service.kind == "metadata":
        budget = wado_ws_metadata.Budget()
        return lambda wanted, held: wado_ws_metadata.made(call, wanted, held, budget)
    return _Documents(asked).made


# --- which instance ----------------------------------------------------------------------------------------------


async def _held(service: Service, wanted: Wanted) -> Held:
    """The instance under its three UIDs; Refused with the code that says which of them is at fault."""
    if wanted.repository is not None and wanted.repository != REPOSITORY:
        raise Refused(UNKNOWN_REPOSITORY, f"RepositoryUniqueId of this endpoint is {REPOSITORY}.")
    for name, value in (("studyInstanceUID", wanted.study), ("seriesInstanceUID", wanted.series),
                        ("DocumentUniqueId", wanted.document)):  # fmt: skip
        if not valid_uid(value):
            raise Refused(INVALID, f"{name} is {value[:80]!r}, which is no UID.")
    return await run_sync(_selected, service, wanted)


def _selected(service: Service, wanted: Wanted) -> Held:
    found = service.archive.select(wanted.study, wanted.series, wanted.document)
    if found:
        return found[0]
    if not service.archive.study_exists(wanted.study):
        raise Refused(NO_STUDY, f"Study {wanted.study} is not known.")
    if not service.archive.select(wanted.study, wanted.series, metadata=False):
        elsewhere = _known(service, "series", "0020000E", wanted.series)
        raise Refused(INCONSISTENT, "The series is in another study.") if elsewhere else Refused(
            NO_SERIES, f"Series {wanted.series} is not known.")  # fmt: skip
    if _known(service, "instance", "00080018", wanted.document):
        raise Refused(INCONSISTENT, "The document is in another series.")
    raise Refused(NO_DOCUMENT, f"Document {wanted.document} is not known.")


def _known(service: Service, level: str, tag: str, uid: str) -> bool:
    """Whether anything of that level has this UID, wherever it is."""
    levels = {"series": ("study", "series"), "instance": ("study", "series", "instance")}[level]
    question = Question(levels, keys=(Key((tag,), (uid,)),), limit=1, uids_only=True)
    return bool(service.archive.search(question).rows)


# --- as files ----------------------------------------------------------------------------------------------------


class _Documents:
    """Instances as PS3.10 files in one of the transfer syntaxes of the request (6.4.1.2)."""

    def __init__(self, asked: Asked) -> None:
        self.syntaxes = asked.syntaxes

    async def made(self, wanted: Wanted, held: Held) -> Made:
        """Refused where no listed transfer syntax can be had, or anonymize or FrameNumber cannot be followed."""
        syntax = await run_sync(self._syntax, held)
        anonymize = anonymous(wanted)
        _frame(wanted, held)
        pieces = await run_sync(pixels.instance, held, syntax)
        if anonymize:
            pieces = [await run_sync(uri_service.anonymized, held, pieces)]
        return Made(DICOM, tuple(pieces))

    def _syntax(self, held: Held) -> str:
        """The stored one where it is listed, else the first listed one that can be had."""
        if not self.syntaxes or not all(valid_uid(syntax) for syntax in self.syntaxes):
            raise Refused(INVALID, "TransferSyntaxUIDList lists transfer syntax UIDs, at least one.")
        if not any(_supported(syntax) for syntax in self.syntaxes):
            raise Refused(UNSUPPORTED_FORMAT, "None of the listed transfer syntaxes is supported.")
        possible, _ = pixels.syntaxes(held, frozenset(self.syntaxes))
        chosen = [s for s in (held.transfer_syntax, *self.syntaxes) if s in self.syntaxes and s in possible]
        if not chosen:
            raise Refused(NOT_IN_FORMAT, "The instance cannot be had in any of the listed transfer syntaxes.")
        return chosen[0]


def _supported(syntax: str) -> bool:
    """Implicit VR and big endian are never sent (6.1.1.8)."""
    return syntax in (EXPLICIT_LE, DEFLATED, *codecs(), *TYPE_OF)


def _frame(wanted: Wanted, held: Held) -> None:
    """A single frame is the whole of an image that has one; frames are not cut out of others here."""
    said = wanted.texts.get("FrameNumber")
    if said is None:
        return
    if not said.isascii() or not said.isdigit() or not int(said[:9]):
        raise Refused(INVALID, f"FrameNumber is a positive integer, not {said[:80]!r}.")
    if len(said) > 9 or int(said) > held.frames:
        raise Refused(FRAME_RANGE, f"There are {held.frames} frames.")
    if held.frames > 1:
        raise Refused(UNSUPPORTED, "A frame of a multi-frame image cannot be had as a DICOM object of its own here.")
