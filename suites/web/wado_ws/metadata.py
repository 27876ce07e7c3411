"""Rules on RetrieveImagingDocumentSetMetadata: XPath results in their order, metadata without pixel data.

Must not know how a message carries them (PS3.18 2017b 6.4.3).
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from lxml import etree

from harness.body import Body
from harness.exchange import Answer, Exchange, view
from harness.past import SERIES, SOP_INSTANCE, STUDY
from harness.rule import RELATION, Finding, rule
from harness.wire import dicom_json, native_xml
from harness.wire.soap import INCLUDE
from suites.web.flawed import flawed
from suites.web.retrieve import compare, permitted
from suites.web.retrieve.reading import past_of, stored
from suites.web.wado_ws.bend import answer, first
from suites.web.wado_ws.reading import KIND, Returned, Wanted, envelope, local, pairs

PIXELS = ("7FE00010", "7FE00008", "7FE00009")
_WHOLE = "/"
_LARGEST = 1 << 20  # octets of a result that are looked into
_DECLARATION = re.compile(rb"\A\s*(?:\xef\xbb\xbf)?<\?xml[^>]*\?>")
_PARSER = etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False, huge_tree=False)
_BULK = ("OB", "OD", "OF", "OL", "OV", "OW", "UN")
_MOST = 10
_COMPARED = ("00100020", "00080060", "0020000D", "0020000E", "00080018", "00080016")


@view
def lists(x: Exchange) -> list[tuple[Wanted, Returned, list[Any]]]:
    """Each document with its XPathResponse elements in order."""
    found = []
    for wanted, returned in pairs(x, "metadata"):
        listed = next((e for e in returned.element if local(e) == "XPathResponseList"), None)
        results = [e for e in listed if local(e) == "XPathResponse"] if listed is not None else []
        found.append((wanted, returned, results))
    return found


@view
def models(x: Exchange) -> list[tuple[Wanted, Returned, native_xml.Reading]]:
    """The answers to "/", which are whole documents of the model; written in place, in a part, or in base64."""
    found = []
    for wanted, returned, results in lists(x):
        for xpath, result in zip(wanted.xpaths, results, strict=False):
            octets = _octets(x, result) if xpath == _WHOLE else None
            if octets is not None:
                found.append((wanted, returned, native_xml.read(octets)))
    return found


def _octets(x: Exchange, result: Any) -> Body | None:
    child = next((e for e in result if isinstance(e.tag, str) and e.tag != INCLUDE), None)
    if child is None:
        binary = envelope(x.answer).binary(result)
        return binary.content if binary is not None and binary.content.size else None
    return Body.of(etree.tostring(child, with_tail=False))


@rule(
    "wado-ws.a-result-for-each-xpath",
    cites="PS3.18 2017b-6.4.3.2",
    verifies="PS3.18-2017b-6.4.3.2-1",
    on=KIND,
    when=lambda x: any(True for _ in pairs(x, "metadata")),
    says="A document has one XPathResponse for each XPath of the request.",
)
def a_result_for_each_xpath(x: Exchange) -> Iterator[Finding]:
    for wanted, returned, results in lists(x):
        if len(results) != len(wanted.xpaths):
            yield Finding(f"{len(results)} results", f"{len(wanted.xpaths)}", f"document {returned.name}")


@a_result_for_each_xpath.mutant
def leaves_out_what_is_empty(x: Exchange) -> Answer | None:
    """An XPath without a match has no result at all."""

    def edit(root: Any) -> bool:
        empty = [e for e in root.iter() if local(e) == "XPathResponse" and not len(e) and not e.text]
        for element in empty:
            element.getparent().remove(element)
        return bool(empty)

    return answer(x, edit)


@rule(
    "wado-ws.results-in-order",
    cites="PS3.18 2017b-6.4.3.2",
    verifies="PS3.18-2017b-6.4.3.2-1",
    on=KIND,
    when=lambda x: any(True for _ in _expected(x)),
    says="Results stand in the order of the XPaths, and one without a match is empty.",
)
def results_in_order(x: Exchange) -> Iterator[Finding]:
    for returned, number, element, name, matches in _expected(x):
        result = _content(x, element)
        where = f"document {returned.name} XPathResponse {number}"
        below = [str(e.get("keyword", "")) for e in result.iter() if local(e) == "DicomAttribute"]
        if matches and name not in below:
            yield Finding(", ".join(below)[:80] or "nothing", name, where)
        elif not matches and (len(result) or (result.text or "").strip()):
            yield Finding(", ".join(below)[:80] or (result.text or "")[:80], "an empty element", where)


def _expected(x: Exchange) -> Iterator[tuple[Returned, int, Any, str, bool]]:
    """The results of XPaths that a probe knows the outcome of: `facts["keywords"]`, '' for no match."""
    known = x.facts.get("keywords") or {}
    for wanted, returned, results in lists(x):
        if len(results) != len(wanted.xpaths):
            continue
        for number, (xpath, result) in enumerate(zip(wanted.xpaths, results, strict=True), 1):
            if xpath in known:
                yield returned, number, result, known[xpath], bool(known[xpath])


def _content(x: Exchange, result: Any) -> Any:
    """A result with its elements, which stand in it, in a part of the package, or in base64 (6.4.3.2: XOP)."""
    included = result.find(INCLUDE) is not None
    if len(result) and not included:
        return result
    binary = envelope(x.answer).binary(result)
    if binary is None:
        return result
    octets = binary.content.read(0, _LARGEST)
    try:
        # what an XPath selects is no document: several elements, or none
        return etree.fromstring(b"<r>%s</r>" % _DECLARATION.sub(b"", octets), _PARSER)
    except etree.XMLSyntaxError:
        return result


@results_in_order.mutant
def turns_them_round(x: Exchange) -> Answer | None:
    """The results stand in the opposite order."""

    def edit(root: Any) -> bool:
        listed = first(root, "XPathResponseList")
        if listed is None or len(listed) < 2:
            return False
        listed[:] = list(reversed(listed))
        return True

    return answer(x, edit)


@results_in_order.mutant
def says_that_nothing_was_found(x: Exchange) -> Answer | None:
    """A result without a match holds a sentence."""

    def edit(root: Any) -> bool:
        empty = [e for e in root.iter() if local(e) == "XPathResponse" and not len(e) and not e.text]
        for element in empty:
            element.text = "no match"
        return bool(empty)

    return answer(x, edit)


@rule(
    "wado-ws.metadata-is-a-model",
    cites="PS3.18 2017b-6.4.3.1; 6.4.3.2; PS3.19 A.1",
    verifies=("PS3.18-2017b-6.4.3.2-2", "PS3.18-2017b-6.4.3.1-1"),
    on=KIND,
    when=lambda x: any("/" in wanted.xpaths for wanted, _ in pairs(x, "metadata")),
    says='The result of "/" is the whole document of the Native DICOM Model.',
)
def metadata_is_a_model(x: Exchange) -> Iterator[Finding]:
    codes = set(native_xml.CODES)
    for wanted, returned, results in lists(x):
        if _WHOLE in wanted.xpaths and not any(_octets(x, r) is not None for r in results):
            yield Finding("nothing", "a NativeDicomModel", f"document {returned.name}")
    for _, returned, model in models(x):
        yield from flawed(model.flaws, codes, native_xml.NOTES, f"document {returned.name}")


@metadata_is_a_model.mutant
def answers_in_another_model(x: Exchange) -> Answer | None:
    """The elements are those of an XML of the server's own."""

    def edit(root: Any) -> bool:
        model = first(root, "NativeDicomModel")
        if model is not None:
            model.tag = "dicom"
        return model is not None

    return answer(x, edit)


@metadata_is_a_model.mutant
def all_is_nothing(x: Exchange) -> Answer | None:
    """The result of "/" is empty."""

    def edit(root: Any) -> bool:
        model = first(root, "NativeDicomModel")
        if model is not None:
            model.getparent().remove(model)
        return model is not None

    return answer(x, edit)


@rule(
    "wado-ws.metadata-without-pixels",
    cites="PS3.18 2017b-6.4; 6.4.3.2",
    verifies="PS3.18-2017b-6.4.3.2-2",
    on=KIND,
    when=lambda x: any(model.datasets for _, _, model in models(x)),
    says="Metadata hold no pixel data.",
)
def metadata_without_pixels(x: Exchange) -> Iterator[Finding]:
    for _, returned, model in models(x):
        for tag in PIXELS:
            found = model.datasets[0].get(tag) if model.datasets else None
            if found is not None and found.content == "InlineBinary":
                yield Finding(f"InlineBinary in ({tag[:4]},{tag[4:]})", "no pixel data", f"document {returned.name}")


@metadata_without_pixels.mutant
def pixels_are_in_line(x: Exchange) -> Answer | None:
    """The pixel data stand in the document in base64."""

    def edit(root: Any) -> bool:
        model = first(root, "NativeDicomModel")
        if model is None:
            return False
        made = etree.SubElement(model, f"{{{native_xml.NAMESPACE}}}DicomAttribute")
        for name, value in (("tag", "7FE00010"), ("vr", "OW"), ("keyword", "PixelData")):
            made.set(name, value)
        etree.SubElement(made, f"{{{native_xml.NAMESPACE}}}InlineBinary").text = "AAAA"
        return True

    return answer(x, edit)


@rule(
    "wado-ws.metadata-belongs",
    cites="PS3.18 2017b-6.4.3.1; 6.4.3.2",
    verifies=("PS3.18-2017b-6.4.3.2-2", "PS3.18-2017b-6.4.1.2-1"),
    on=KIND,
    when=lambda x: any(model.datasets and _plain(wanted) for wanted, _, model in models(x)),
    says="Metadata are those of the document that was asked for, as it was stored.",
)
def metadata_belongs(x: Exchange) -> Iterator[Finding]:
    for wanted, returned, model in models(x):
        if not model.datasets or not _plain(wanted):
            continue
        known = {STUDY: wanted.study, SERIES: wanted.series, SOP_INSTANCE: wanted.name}
        kept = past_of(x).get(wanted.name)
        if kept is not None:
            ours = stored(kept).dataset
            known |= {tag: value for tag in _COMPARED if (value := ours.text(tag))}
        for tag, value in known.items():
            found = model.datasets[0].get(tag)
            got = str(found.values[0]) if found is not None and found.values else ""
            if got.strip() != value.strip():
                yield Finding(got or "none", value, f"document {returned.name} ({tag[:4]},{tag[4:]})")


def _plain(wanted: Wanted) -> bool:
    return "Anonymize" not in wanted.texts


@metadata_belongs.mutant
def metadata_of_another(x: Exchange) -> Answer | None:
    """The metadata are those of another instance."""

    def edit(root: Any) -> bool:
        found = next((e for e in root.iter() if e.get("tag") == SOP_INSTANCE), None)
        if found is None or not len(found):
            return False
        found[0].text = "1.2.3.4.5"
        return True

    return answer(x, edit)


@view
def _differences(x: Exchange) -> list[tuple[Returned, compare.Difference]]:
    """What was stored and is not so in the metadata; bulk data may have been removed (6.4)."""
    found = []
    for wanted, returned, model in models(x):
        kept = past_of(x).get(wanted.name)
        if kept is None or not model.datasets or not _plain(wanted):
            continue
        ours, shown = stored(kept).dataset, native_xml.to_json(model.datasets[0])
        skip = permitted.coerced_in_json(shown) - permitted.coerced(ours)
        skip |= permitted.pixel_description(kept, dicom_json.text(shown, permitted.PHOTOMETRIC)) | {*PIXELS}
        differing = (d for d in compare.compare(ours, shown, frozenset(skip)) if not _removed(d))
        found += [(returned, d) for _, d in zip(range(_MOST), differing, strict=False)]
    return found


def _removed(difference: compare.Difference) -> bool:
    return difference.kind == "missing" and difference.want[:2] in _BULK


@rule(
    "wado-ws.metadata-are-the-stored",
    cites="PS3.18 2017b-6.4.3.2; PS3.19 A.1",
    verifies="PS3.18-2017b-6.4.3.2-2",
    on=KIND,
    basis=RELATION,
    when=lambda x: any(model.datasets and past_of(x).get(wanted.name) for wanted, _, model in models(x)),
    says="All metadata are every attribute that was stored with its values, but for pixels and other bulk data.",
)
def metadata_are_the_stored(x: Exchange) -> Iterator[Finding]:
    for returned, d in _differences(x):
        # an archive may add to what it holds; by XML 1.0 2.11 a line end arrives as LF
        yield Finding(d.got, d.want, f"document {returned.name} {d.path}", warn=d.kind in ("extra", "lines"))


@metadata_are_the_stored.mutant
def sequences_are_empty(x: Exchange) -> Answer | None:
    """The items of sequences are left out."""

    def edit(root: Any) -> bool:
        items = [e for e in root.iter() if local(e) == "Item"]
        for item in items:
            item.getparent().remove(item)
        return bool(items)

    return answer(x, edit)


@metadata_are_the_stored.mutant
def knows_no_private_ones(x: Exchange) -> Answer | None:
    """Private attributes are left out."""

    def edit(root: Any) -> bool:
        private = [e for e in root.iter() if local(e) == "DicomAttribute" and e.get("tag", "0000")[3] in "13579BDF"]
        for element in private:
            element.getparent().remove(element)
        return bool(private)

    return answer(x, edit)
