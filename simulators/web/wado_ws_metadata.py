"""Knows RetrieveImagingDocumentSetMetadata: XPaths over the Native DICOM Model of a document (PS3.18 2017b 6.4.3).

Must not know SOAP. What an XPath costs is bounded before it is tried: one that goes up, across or from the root again
may visit every node from every node.
"""

from __future__ import annotations

import copy
import json
import re
from dataclasses import dataclass, field

from anyio.to_thread import run_sync
from lxml import etree

from simulators.archive.held import Held
from simulators.model.names import BASE
from simulators.web.call import Call
from simulators.web.native import document
from simulators.web.wado_ws_answer import INVALID, LIMITS, UNABLE_TO_ANONYMIZE, UNSUPPORTED, Made, Refused, anonymous
from simulators.web.wado_ws_request import Wanted

LONGEST = 1000  # characters of an XPath
VISITS = 2_000_000  # nodes that one XPath may look at, at worst
MOST_XPATHS = 100  # of one document
MOST_NODES = 200_000  # of all results of one answer; so many characters of a text count as one
TEXT = 50
MOST_TEXT = 64 << 20  # characters that the functions of one XPath may put together, at worst

_NAMESPACE = "http://dicom.nema.org/PS3.19/models/NativeDICOM"
_PIXELS = ("7FE00008", "7FE00009", "7FE00010", "7FE00001", "7FE00002", "7FE00003")
# What starts another walk over the document from every node that was reached before.
_WALKS = re.compile(
    r"//|\.\.|(?:ancestor|descendant|following|preceding|parent)[a-z-]*\s*::|[\[(|,=<>+*-]\s*/|\bid\s*\("
)
_LITERALS = re.compile(r"\"[^\"]*\"|'[^']*'")


@dataclass
class Budget:
    """How many nodes the results of one answer may still hold."""

    nodes: int = field(default=MOST_NODES)


async def made(call: Call, wanted: Wanted, held: Held, budget: Budget) -> Made:
    """The results of each XPath in order; Refused for one that cannot be read or would cost too much."""
    xpaths = wanted.lists.get("XPath", ())
    if not 0 < len(xpaths) <= MOST_XPATHS:
        raise Refused(INVALID, f"A document has 1 to {MOST_XPATHS} XPaths.")
    if "FrameNumber" in wanted.texts:
        raise Refused(UNSUPPORTED, "Metadata of a frame are not told apart here.")
    if anonymous(wanted):
        raise Refused(UNABLE_TO_ANONYMIZE, "Metadata are not anonymized here.")
    return await run_sync(_found, call.base, wanted, held, xpaths, budget)


def _found(base: str, wanted: Wanted, held: Held, xpaths: tuple[str, ...], budget: Budget) -> Made:
    attributes = json.loads(held.metadata.replace(BASE, base.encode()))
    kept = {tag: attribute for tag, attribute in attributes.items() if tag not in _PIXELS}
    model = Model(document(json.dumps(kept).encode()))
    return Made(results=tuple(model.results(xpath, wanted.prefixes, budget) for xpath in xpaths))


class Model:
    """One document of the model, to be asked with names in its namespace and with names in none.

    PS3.19 has the namespace in its schema, and examples of the standard go without it.
    """

    def __init__(self, octets: bytes) -> None:
        self.size = len(octets)
        self.root = etree.fromstring(octets, etree.XMLParser(resolve_entities=False, no_network=True))
        self.bare = copy.deepcopy(self.root)
        for element in self.bare.iter():
            element.tag = etree.QName(element).localname
        self.whole = dict(zip(self.bare.iter(), self.root.iter(), strict=True))

    def results(self, xpath: str, prefixes: object, budget: Budget) -> list[etree._Element | str]:
        """The elements and texts that match, elements in their namespace."""
        if xpath == "/":
            return self._counted([copy.deepcopy(self.root)], budget)
        self._affordable(xpath)
        names = {str(k): str(v) for k, v in dict(prefixes).items()} if isinstance(prefixes, dict) else {}
        qualified = any(uri == _NAMESPACE and f"{prefix}:" in xpath for prefix, uri in names.items())
        try:
            evaluate = etree.XPath(xpath, namespaces=names or None, regexp=False)
            found = evaluate(self.root.getroottree() if qualified else self.bare.getroottree())
        except (etree.XPathError, ValueError) as error:
            raise Refused(INVALID, f"The XPath cannot be carried out: {str(error)[:200]}.") from None
        if not isinstance(found, list):
            return [self._texted(_said(found), budget)]
        taken: list[etree._Element | str] = []
        for one in found:
            if isinstance(one, etree._Element):
                element = one if qualified else self.whole[one]
                self._counted([element], budget)
                taken.append(copy.deepcopy(element))
            else:
                taken.append(self._texted(str(one[1] or "") if isinstance(one, tuple) else str(one), budget))
        return taken

    def _affordable(self, xpath: str) -> None:
        if not xpath or len(xpath) > LONGEST:
            raise Refused(LIMITS if xpath else INVALID, f"An XPath has 1 to {LONGEST} characters here.")
        walks = len(_WALKS.findall(_LITERALS.sub("''", xpath)))
        if float(len(self.whole)) ** max(walks, 1) > VISITS:
            raise Refused(LIMITS, "The XPath may visit more nodes than are visited here.")
        if self.size * (xpath.count(",") + 1) > MOST_TEXT:
            raise Refused(LIMITS, "The XPath may put together a longer text than is made here.")

    def _texted(self, text: str, budget: Budget) -> str:
        budget.nodes -= 1 + len(text) // TEXT
        self._counted([], budget)
        return text

    def _counted(self, elements: list[etree._Element], budget: Budget) -> list[etree._Element | str]:
        for element in elements:
            budget.nodes -= sum(1 for _ in element.iter())
        if budget.nodes < 0:
            raise Refused(LIMITS, f"The results of one answer have at most {MOST_NODES} elements here.")
        return [*elements]


def _said(value: object) -> str:
    """A number, a truth value or a text as XPath writes it (XPath 1.0 4.2)."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return "NaN" if value != value else f"{value:.0f}" if value.is_integer() else repr(value)
    return str(value)
