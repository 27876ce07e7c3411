"""Provokes negotiation: every default and required media type, weights, wildcards, nonsense, transfer syntaxes.

Must not judge.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import quote

from harness.make.accepts import AcceptCase, accepts
from harness.make.holding import Entity
from harness.rule import probe
from harness.talk.conversation import DICOM, JSON, OCTETS, XML, Web
from suites.web.negotiation.matrix import STRANGE, Cell, Held, alone, otherwise, rows
from suites.web.negotiation.tables import COMPRESSED, FORBIDDEN, LOSSY, MATRIX

EXPLICIT_LE = "1.2.840.10008.1.2.1"
PIXEL_DATA = "7FE00010"
VIDEO = ("1.2.840.10008.1.2.4.100", "1.2.840.10008.1.2.4.102")  # what no still image is turned into
TYPES = {s: f'multipart/related; type="{name}"' for name, syntaxes in COMPRESSED.items() for s in syntaxes}
# For resources in JSON and XML: each member decides something, and the whole means one of them.
WEIGHED = (
    "application/*",
    f"{JSON};q=0.123, {XML};q=0.124",
    f"{JSON};q=0.9, {XML}",
    f"{XML};q=0.4, {JSON};q=0.5",
    f"{JSON};Q=0.2, {XML};Q=0.7",
    f"*/*;q=1, {JSON};q=0.1, {XML};q=0.5",
    f"application/*;q=0.3, multipart/*;q=0.6, {JSON};q=0.2",
    f"{STRANGE}, {JSON};q=0.5",
    f"{STRANGE};x=\"a, b\";q=0.7, chemical/x-pdb, {XML};q=0.1",
    f"{JSON};q=0, {XML};q=0.2",
    f"text/csv, */*;q=0.1, {XML};q=0",
    f"no-type-at-all, {XML};q=0.3, a/b;q=7",
    f"{JSON}, ;=;, text/",
)  # fmt: skip
REFUSED = (
    STRANGE,
    f"{JSON};q=0, {XML};q=0",
    "application/*;q=0, chemical/x-pdb",
    'multipart/related; type="image/jp2"',
)
MIXED = (f"{JSON}, image/png", f"text/html, {XML}", f"image/gif;q=0.1, {JSON};q=0.9")


def _about(entity: Entity | None, **more: Any) -> dict[str, Any]:
    """What the target is known to hold, for the rules to look at."""
    facts: dict[str, Any] = {"held": True, **more}
    if entity is not None and entity.transfer_syntax and entity.transfer_syntax not in LOSSY:
        facts["lossless"] = True
    if entity is not None and entity.frames:
        facts["pixels"] = True
    return facts


def _instances(web: Web) -> list[Entity]:
    """An instance that can be decompressed, with pixels if there is one."""
    sure = [e for e in web.holding.instances if e.transfer_syntax not in LOSSY]
    return [e for e in sure if e.frames][:1] or list(sure[:1])


def _lists(web: Web) -> Iterator[tuple[str, Entity]]:
    """Resources in JSON and XML that are certain to have something in them: a search, and metadata."""
    for study in web.holding.studies[:1]:
        yield f"studies?StudyInstanceUID={study.study}", study
    for instance in _instances(web):
        yield f"{instance.path[1:]}/metadata", instance


@probe("negotiation.lists", provokes=("web.search", "web.retrieve.metadata"))
def lists(web: Web) -> None:
    """Weights, wildcards, unsupported members, mixtures and silence, for search results and metadata."""
    for number, (path, entity) in enumerate(_lists(web)):
        shared = (JSON, XML, "*/*", "multipart/*", REFUSED[0], MIXED[0])
        # the rest is dealt out between the two, so that a run stays short; exploration crosses them
        for accept in (*shared, *(WEIGHED + REFUSED[1:] + MIXED[1:])[number::2]):
            web.get(path, accept, facts=_about(entity))
        web.get(path, None, facts=_about(entity))
        joint = "&" if "?" in path else "?"
        for field, named in (("*/*", XML), (f"{JSON}, multipart/*;q=0.1", XML), (f"{XML}, {JSON};q=0.1", JSON)):
            web.get(f"{path}{joint}accept={quote(named, safe='')}", field, facts=_about(entity))
        web.get(f"{path}{joint}accept={quote(JSON, safe='')}", None, facts=_about(entity))
        web.get(f"{path}{joint}accept={quote(f'{JSON},image/png', safe='')}", "*/*", facts=_about(entity))
        web.get(f"{path}{joint}accept={quote(STRANGE, safe='')}", f"*/*, {JSON}", facts=_about(entity))


@probe("negotiation.instances", provokes=("web.retrieve.instances", "web.retrieve.parameter-syntax"))
def instances(web: Web) -> None:
    """Media types of instances: default, required, optional, refused, mixed, none."""
    types = (DICOM, OCTETS, "application/dicom", "*/*", "multipart/*", f"{STRANGE}, {DICOM};q=0.1")
    for entity in _instances(web):
        for accept in (*types, STRANGE, f"{DICOM}, text/html", None):
            web.get(entity.path[1:], accept, facts=_about(entity))
        web.get(f"studies/{entity.study}", "application/dicom", facts=_about(entity))
        web.get(f"studies/{entity.study}", DICOM, facts={"held": True})
    for entity in [e for e in web.holding.instances if _other(e.transfer_syntax)][:2]:
        named = f"{DICOM}; transfer-syntax={entity.transfer_syntax}"
        with web.journey("web.retrieve.parameter-syntax"):
            web.get(entity.path[1:], named, step="field", facts={"held": True})
            web.get(f"{entity.path[1:]}?accept={quote(named, safe='')}", "*/*", step="parameter", facts={"held": True})


def _other(syntax: str) -> bool:
    """A transfer syntax that nobody gets without naming it, and that may be named."""
    return syntax not in ("", EXPLICIT_LE, *FORBIDDEN)


@probe("negotiation.bulk", provokes=("web.retrieve.frames", "web.retrieve.bulkdata"))
def bulk(web: Web) -> None:
    """Media types of frames and bulkdata: octets in their envelope, bare, unsupported, mixed."""
    for entity in [e for e in _instances(web) if e.frames]:
        for accept in (OCTETS, "application/octet-stream", "*/*", "multipart/*", STRANGE, f"{OCTETS}, text/plain", None,
                       'multipart/related; type="image/jp2"', DICOM):  # fmt: skip
            web.get(f"{entity.path[1:]}/frames/1", accept, facts=_about(entity))
        for uri in _bulk_uris(web, entity)[:2]:
            for accept in (OCTETS, "application/octet-stream", "*/*", STRANGE):
                web.get(uri, accept, facts=_about(entity))


def _bulk_uris(web: Web, entity: Entity) -> list[str]:
    """The Bulkdata URIs that the metadata of an instance tells, as they can be asked for."""
    reading = web.get(f"{entity.path[1:]}/metadata").answer.json
    found = [a.get("BulkDataURI") for d in reading.datasets for a in d.values()] if reading else []
    base = web.base.rstrip("/") + "/"
    told = [uri for uri in found if isinstance(uri, str)]
    return [uri.removeprefix(base) for uri in told if uri.startswith(base) or "//" not in uri]


@probe("negotiation.transfer-syntaxes", provokes=("web.retrieve.instances", "web.retrieve.frames"))
def transfer_syntaxes(web: Web) -> None:
    """Each held transfer syntax by default, as it is, as any, as explicit; the forbidden ones; one of a list of two."""
    seen: dict[str, Entity] = {}
    for entity in web.holding.instances:
        seen.setdefault(entity.transfer_syntax, entity)
    for entity in [e for e in seen.values() if e.transfer_syntax not in (*LOSSY, *VIDEO)][:1]:
        accept = f"{DICOM}; transfer-syntax={VIDEO[0]}, {DICOM}; transfer-syntax={EXPLICIT_LE};q=0.5"
        web.get(entity.path[1:], accept, facts=_about(entity))
    for number, (syntax, entity) in enumerate(seen.items()):
        asked = (
            ["", "*", syntax] + ([EXPLICIT_LE] if number < 3 else []) + (["1.2.840.10008.1.2"] if not number else [])
        )
        for wanted in dict.fromkeys(asked):
            accept = f"{DICOM}; transfer-syntax={wanted}" if wanted else DICOM
            web.get(entity.path[1:], accept, facts=_about(entity))
        if entity.frames and syntax in TYPES:
            for accept in (f"{TYPES[syntax]}; transfer-syntax={syntax}", f"{TYPES[syntax]}; transfer-syntax=*"):
                web.get(f"{entity.path[1:]}/frames/1", accept, facts=_about(entity))


def _place(web: Web, resource: str, entity: Entity) -> str:
    """The path of a resource of the matrix, '' when the target shows none."""
    places = {"search": f"studies?StudyInstanceUID={entity.study}", "study": f"studies/{entity.study}",
              "metadata": f"{entity.path[1:]}/metadata", "instance": entity.path[1:],
              "frame": f"{entity.path[1:]}/frames/1"}  # fmt: skip
    if resource in places:
        return places[resource]
    return next(iter(uri for uri in _bulk_uris(web, entity) if PIXEL_DATA in uri or "?" not in uri), "")


def _measured(entity: Entity) -> tuple[bool, bool]:
    """Whether it has pixels, and enough of them for any codec."""
    sizes = [entity.attribute(tag) for tag in ("00280010", "00280011")]
    return bool(entity.frames), all(s.isdigit() and 32 <= int(s[:9]) <= 1024 for s in sizes)


@probe("negotiation.matrix", provokes=("web.search.matrix", "web.retrieve.matrix", "web.retrieve.frames"))
def matrix(web: Web) -> None:
    """Every representation of the table, alone, and those that are delivered in every other form."""
    sure = [e for e in web.holding.instances if e.transfer_syntax not in LOSSY]
    for entity in sorted(sure, key=_measured, reverse=True)[:1]:
        # what nobody told may be lossy, and then Explicit VR Little Endian is not owed
        held = Held(entity.transfer_syntax, entity.frames, bool(entity.transfer_syntax))
        for resource in dict.fromkeys(row.resource for row in MATRIX):
            path = _place(web, resource, entity)
            for row, syntax, due in rows(resource, web.edition, held) if path else ():
                service = "web.search" if resource == "search" else "web.retrieve"
                with web.journey(f"{service}.matrix"):
                    _walk(web, path, alone(row, syntax, due), entity)


def _walk(web: Web, path: str, cell: Cell, entity: Entity) -> None:
    """The cell alone; when that is answered with success, its other forms."""
    x = web.get(path, cell.accept, step="plain", facts=_about(entity, **cell.facts()))
    for form in otherwise(cell.row, cell.syntax, cell.due) if x.answer.ok and cell.due != "refused" else ():
        joint = "&" if "?" in path else "?"
        target = f"{path}{joint}{form.query}" if form.query else path
        web.get(target, form.accept, step="form", facts=_about(entity, **form.facts()))


FORMS = {
    JSON: {"upper case": "APPLICATION/DICOM+JSON", "weight of 1": f"{JSON};q=1.000", "capital Q": f"{JSON} ;\tQ=1",
           "empty members": f", {JSON} ,", "charset": f"{JSON}; charset=utf-8"},
    XML: {"upper case": 'Multipart/Related; TYPE="application/dicom+xml"', "weight of 1": f"{XML}; q=1",
          "tabs": 'multipart/related\t;\ttype="application/dicom+xml"', "boundary": f"{XML}; boundary=abc",
          "boundary of the examples": f"{XML}; boundary=**",
          "upper case in quotes": 'multipart/related; type="application/DICOM+XML"',
          "without quotes": "multipart/related; type=application/dicom+xml"},
}  # fmt: skip


@probe("negotiation.forms", provokes=("web.search", "web.retrieve.metadata", "web.retrieve.accept-forms"))
def forms(web: Web) -> None:
    """One meaning in many spellings."""
    for path, entity in _lists(web):
        service = "web.search" if path.startswith("studies?") else "web.retrieve"
        for plain, others in list(FORMS.items())[: 1 if service == "web.search" else None]:
            with web.journey(f"{service}.accept-forms"):
                web.get(path, plain, step="plain", facts=_about(entity))
                for form, accept in others.items():
                    if form != "without quotes" or web.edition >= "2023e":
                        web.get(path, accept, step="other", facts=_about(entity, form=form))
                fields = [("Accept", STRANGE), ("Accept", plain)]
                web.get(path, None, fields, step="other", facts=_about(entity, form="two Accept fields"))


@probe("negotiation.charsets", provokes=("web.search", "web.retrieve.metadata", "web.retrieve.charset"))
def charsets(web: Web) -> None:
    """Character sets that nobody knows or that change nothing, as parameter and as field."""
    for path, entity in _lists(web):
        joint, service = ("&", "web.search") if "?" in path else ("?", "web.retrieve")
        with web.journey(f"{service}.charset"):
            web.get(path, step="plain", facts=_about(entity))
            for value in ("x-no-such-charset", "utf-8;q=0.5,x-none", quote("ISO 2022 IR 999")):
                web.get(f"{path}{joint}charset={value}", step="other", facts=_about(entity, form=f"charset={value}"))
            for value in ("x-no-such-charset, utf-8", "*"):
                about = _about(entity, form=f"Accept-Charset: {value}")
                web.get(path, headers=[("Accept-Charset", value)], step="other", facts=about)


@probe("negotiation.explore", provokes=("web.search", "web.retrieve.metadata"))
def explore(web: Web) -> None:
    """Accept fields at random, in every legal spelling."""
    for path, entity in _lists(web):
        resource = "search" if path.startswith("studies?") else "metadata"

        def ask(case: AcceptCase, path: str = path, entity: Entity = entity) -> None:
            web.get(path, case.header, facts=_about(entity))

        web.explore(accepts(resource), ask, share=0.5)
