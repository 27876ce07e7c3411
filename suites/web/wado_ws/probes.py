"""Provokes WADO-WS: the three actions, plain and packaged, what cannot be had, messages that are wrong.

Must not judge. Where nobody says that there is an endpoint, nothing is asked; what it does not do is asked once.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

from harness.exchange import Exchange
from harness.make.holding import Entity
from harness.make.wado_ws import DOCUMENTS, METADATA, RENDERED, Document, Question, envelope, packaged, plain
from harness.rule import probe
from harness.talk.conversation import Web
from suites.web.retrieve.probes.choice import absent_uid, differing, instances
from suites.web.wado_ws.description import DESCRIPTION
from suites.web.wado_ws.faults import WRONG
from suites.web.wado_ws.reading import ACTIONS, KIND, Service, answered

EXPLICIT, IMPLICIT = "1.2.840.10008.1.2.1", "1.2.840.10008.1.2"
COMMON = (EXPLICIT, "1.2.840.10008.1.2.4.50", "1.2.840.10008.1.2.4.70", "1.2.840.10008.1.2.4.90",
          "1.2.840.10008.1.2.4.91", "1.2.840.10008.1.2.4.80", "1.2.840.10008.1.2.5")  # fmt: skip
ACCEPT = "multipart/related, application/soap+xml, */*;q=0.1"
JPEG, NONE_OF_OURS = "image/jpeg", "application/x-dicomproof-none"
_NAME = "/NativeDicomModel/DicomAttribute[@keyword='{}']"
_SERVICES: dict[str, Service] = {DOCUMENTS: "documents", RENDERED: "rendered", METADATA: "metadata"}
_ACTIONS = {service: tuple(into for into, _ in ACTIONS[kind]) for service, kind in _SERVICES.items()}
_CAPTURED = ("US", "ES", "GM", "XC", "OT")  # modalities whose images often show who is in them
_STATES = "1.2.840.10008.5.1.4.1.1.11."
_HOME = "urn:oid:1.2.826.0.1.3680043.10.1"
Act = Callable[["_Endpoint"], None]


class _Endpoint:
    """The endpoint as a probe sees it: its URL, and its RepositoryUniqueId where somebody told it, else None."""

    def __init__(self, web: Web) -> None:
        self.web = web
        self.held = web.holding.instances
        self.url, _, told = web.wado_ws.partition("#")
        self.repository = told or None

    def document(self, entity: Entity, **changes: Any) -> Document:
        """An instance as a document of a request; `also` elements of the service, other changes by field."""
        said = {"study": entity.study, "series": entity.series, "instance": entity.instance}
        return Document(**{**said, "repository": self.repository, **changes})

    def ask(self, question: Question, *, package: bool = False, **about: Any) -> Exchange:
        """Ask in an envelope, or in a package."""
        if question.action is None:
            question = question.but(action=self._known.get(question.service) or _ACTIONS[question.service][0])
        fields, payload = (packaged if package else plain)(envelope(question), question.action or "")
        return self.web.ask("POST", self.url, ACCEPT, fields, payload, **about)

    def files(self, *documents: Document, syntaxes: Sequence[str] = COMMON, **about: Any) -> Exchange:
        """RetrieveImagingDocumentSet, in a package."""
        return self.ask(Question(DOCUMENTS, documents, tuple(syntaxes)), package=True, **about)

    def picture(self, entity: Entity, types: Sequence[str] = (JPEG,), also: Mapping[str, Any] | None = None,
                **about: Any) -> Exchange:  # fmt: skip
        """RetrieveRenderedImagingDocumentSet of one document, in a package."""
        document = self.document(entity, also={**(also or {}), "ContentTypeList": list(types)})
        return self.ask(Question(RENDERED, (document,)), package=True, **about)

    def metadata(self, entity: Entity, xpaths: Sequence[str], **about: Any) -> Exchange:
        """RetrieveImagingDocumentSetMetadata of one document."""
        document = self.document(entity, also={"XPath": list(xpaths)})
        return self.ask(Question(METADATA, (document,)), **about)

    @property
    def _known(self) -> dict[str, str]:
        """The action by which each service answers, '' where it does not; what was not tried is not there."""
        known: dict[str, str] = self.web.session.shared.setdefault(KIND, {})
        return known

    def has(self, service: str) -> bool:
        """Whether it answers the action in the terms of the service, in one of its spellings; noted when it does not.

        That is asked once in a run.
        """
        if service not in self._known:
            entity = self.held[0]
            asked: dict[str, Callable[[], Exchange]] = {
                DOCUMENTS: lambda: self.files(self.document(entity)),
                RENDERED: lambda: self.picture(entity, (JPEG, "text/html", "application/pdf")),
                METADATA: lambda: self.metadata(entity, ["/"]),
            }
            for action in _ACTIONS[service]:
                self._known[service] = action
                if answered(asked[service]()) is not None:
                    return True
            self._known[service] = ""
            self.web.session.note("skipped", f"The WADO-WS endpoint does not answer {service}.")
        return bool(self._known[service])

    def image(self) -> Entity | None:
        """A single-frame image, a native one before others."""
        found = [e for e in self.held if e.frames == 1]
        return next((e for e in found if e.transfer_syntax == EXPLICIT), next(iter(found), None))

    def frames(self) -> Entity | None:
        """A multi-frame image, a native one before others."""
        found = [e for e in self.held if e.frames > 1]
        return next((e for e in found if e.transfer_syntax == EXPLICIT), next(iter(found), None))


def _probe(id: str, *services: str, provokes: Sequence[str] = ()) -> Callable[[Act], Act]:
    """Declare a probe of the endpoint, for those that have all of these services."""

    def register(act: Act) -> Act:
        def run(web: Web) -> None:
            if web.wado_ws and web.holding.instances:
                endpoint = _Endpoint(web)
                if all(endpoint.has(service) for service in services):
                    act(endpoint)

        run.__doc__ = act.__doc__
        probe(id, provokes=(KIND, *provokes))(run)
        return act

    return register


@_probe("wado-ws.description", provokes=[DESCRIPTION])
def description(endpoint: _Endpoint) -> None:
    """Its WSDL, and each of the three actions."""
    entity = endpoint.image() or endpoint.held[0]
    mark = "&" if "?" in endpoint.url else "?"
    for service in _SERVICES:
        endpoint.has(service)
    with endpoint.web.journey(DESCRIPTION):
        endpoint.web.get(f"{endpoint.url}{mark}wsdl", "*/*")
        endpoint.files(endpoint.document(entity))
        endpoint.picture(entity, (JPEG, "text/html"))
        endpoint.metadata(entity, ["/"])


@_probe("wado-ws.files", DOCUMENTS)
def files(endpoint: _Endpoint) -> None:
    """Instances of every kind, alone and together, with and without a community, plain and packaged."""
    chosen = instances(endpoint.web, 24)
    for entity in chosen:
        endpoint.files(endpoint.document(entity), syntaxes=_listed(entity))
    together = [endpoint.document(e) for e in differing(endpoint.held, lambda e: e.study, 3) or chosen[:3]]
    endpoint.files(*together)
    endpoint.files(*(endpoint.document(e) for e in chosen[:4]))
    endpoint.files(endpoint.document(chosen[0], home=_HOME), syntaxes=_listed(chosen[0]))
    endpoint.files(endpoint.document(chosen[0], home=_HOME), together[-1])
    endpoint.ask(Question(DOCUMENTS, (endpoint.document(chosen[0]),), _listed(chosen[0])))


def _listed(entity: Entity) -> tuple[str, ...]:
    return tuple(dict.fromkeys((entity.transfer_syntax or EXPLICIT, EXPLICIT)))


@_probe("wado-ws.transfer-syntaxes", DOCUMENTS)
def transfer_syntaxes(endpoint: _Endpoint) -> None:
    """One transfer syntax at a time, of images that are stored in several ways, and lists of what nobody has."""
    images = [e for e in endpoint.held if e.frames]
    for entity in differing(images, lambda e: e.transfer_syntax, 4):
        for syntax in dict.fromkeys((entity.transfer_syntax or EXPLICIT, EXPLICIT, COMMON[3])):
            endpoint.files(endpoint.document(entity), syntaxes=(syntax,))
    entity = endpoint.image() or endpoint.held[0]
    about = {"situation": "unsupported-syntax", "fails": True}
    endpoint.files(endpoint.document(entity), syntaxes=(absent_uid(endpoint.web),), facts=about)
    for listed in ((), ("",)):
        endpoint.files(endpoint.document(entity), syntaxes=listed, facts={"fails": True})


@_probe("wado-ws.not-there", DOCUMENTS)
def not_there(endpoint: _Endpoint) -> None:
    """Documents, series and studies that nobody has, or that are elsewhere; some beside one that is there."""
    entity, gone = endpoint.image() or endpoint.held[0], absent_uid(endpoint.web)
    for situation, changes in _nowhere(endpoint, entity, gone):
        about = {"situation": situation, "fails": True}
        endpoint.files(endpoint.document(entity, **changes), facts=about)
    endpoint.files(endpoint.document(entity), endpoint.document(entity, instance=gone))
    for changes in ({"study": ""}, {"series": ""}, {"study": "", "series": ""}, {"instance": "1..2"}):
        endpoint.files(endpoint.document(entity, **changes), facts={"fails": True})
    if endpoint.repository:
        endpoint.files(endpoint.document(entity, repository=gone), facts={"fails": True})


def _nowhere(endpoint: _Endpoint, entity: Entity, gone: str) -> Iterator[tuple[str, dict[str, Any]]]:
    yield "unknown-document", {"instance": gone}
    yield "unknown-series", {"series": gone}
    yield "unknown-study", {"study": gone}
    other = next((e for e in endpoint.held if e.study != entity.study), None)
    if other is not None:
        yield "series-of-another-study", {"study": other.study}
    near = next((e for e in endpoint.held if e.study == entity.study and e.series != entity.series), None)
    if near is not None:
        yield "document-of-another-series", {"series": near.series}
    elif other is not None:
        yield "document-of-another-series", {"study": other.study, "series": other.series}


@_probe("wado-ws.frames-and-names", DOCUMENTS)
def frames_and_names(endpoint: _Endpoint) -> None:
    """Frame numbers, one that is there and one that is not, and documents without their identity."""
    entity = endpoint.image()
    if entity is None:
        return
    endpoint.files(endpoint.document(entity, also={"FrameNumber": "1"}))
    beyond = {"situation": "frame-out-of-range"}
    endpoint.files(endpoint.document(entity, also={"FrameNumber": "1000000"}), facts=beyond)
    captured = next((e for e in endpoint.held if e.attribute("00080060") in _CAPTURED and e.frames), entity)
    for anonymous in dict.fromkeys(e.instance for e in (entity, captured, endpoint.held[-1])):
        held = next(e for e in endpoint.held if e.instance == anonymous)
        document = endpoint.document(held, also={"Anonymize": "yes"})
        endpoint.files(document, syntaxes=_listed(held), facts={"situation": "anonymize"})


@_probe("wado-ws.pictures", RENDERED)
def pictures(endpoint: _Endpoint) -> None:
    """Renderings with each of the parameters, in types that are there and in one that nobody has."""
    entity, many = endpoint.image(), endpoint.frames()
    if entity is not None:
        for also in ({}, {"Rows": "32", "Columns": "32"}, {"WindowCenter": "100", "WindowWidth": "400"},
                     {"ImageQuality": "50"}, {"Region": "0.25,0.25,0.75,0.75"}, {"Annotation": "technique"},
                     {"Anonymize": "yes"}):  # fmt: skip
            endpoint.picture(entity, also=also)
        endpoint.picture(entity, ("image/png", JPEG))
        endpoint.picture(entity, also={"Annotation": "dicomproof"})
        endpoint.picture(entity, (NONE_OF_OURS,), facts={"situation": "unsupported-type", "fails": True})
        endpoint.picture(entity, also={"Rows": "many"}, facts={"situation": "bad-parameter"})
        about = {"situation": "unknown-presentation", "fails": True}
        for series in (entity.series, absent_uid(endpoint.web)):
            named = {"PresentationUID": absent_uid(endpoint.web), "PresentationSeriesUID": series}
            endpoint.picture(entity, also=named, facts=about)
    still = [e for e in endpoint.held if e.frames == 1 and e is not entity]
    for other in differing(still, lambda e: (e.attribute("00280004"), e.attribute("00280103")), 4):
        endpoint.picture(other)
    if many is not None:
        endpoint.picture(many, also={"FrameNumber": "2"})
        endpoint.picture(many, facts={"situation": "single-frame-type"})
        about = {"situation": "frame-out-of-range", "fails": True}
        endpoint.picture(many, also={"FrameNumber": "1000000"}, facts=about)
    text = next((e for e in endpoint.held if e.attribute("00080060") == "SR"), None)
    if text is not None:
        endpoint.picture(text, ("text/html",), also={"Anonymize": "yes"}, facts={"situation": "anonymize"})
    _with_states(endpoint)


def _with_states(endpoint: _Endpoint) -> None:
    """An image with a presentation state of its study."""
    for state in (e for e in endpoint.held if e.attribute("00080016").startswith(_STATES)):
        shown = {e.instance: e for e in endpoint.held if e.study == state.study and e.frames}
        image = next((shown[uid] for uid in _referred(state) if uid in shown), None)
        if image is not None:
            named = {"PresentationUID": state.instance, "PresentationSeriesUID": state.series}
            endpoint.picture(image, also=named)
            return


def _referred(state: Entity) -> list[str]:
    return state.texts("00081115.00081140.00081155")


@_probe("wado-ws.metadata", METADATA)
def metadata(endpoint: _Endpoint) -> None:
    """All metadata, and XPaths that match one attribute, several and none, in several orders."""
    chosen = instances(endpoint.web, 6)
    for entity in chosen:
        endpoint.metadata(entity, ["/"])
    wanted = {_NAME.format(keyword): keyword for keyword in ("StudyInstanceUID", "SOPClassUID", "SeriesInstanceUID")}
    nothing = {_NAME.format("DicomproofNothing"): ""}
    for xpaths in ([*wanted, *nothing], [*nothing, *reversed(wanted)], list(wanted)[:1]):
        endpoint.metadata(chosen[0], xpaths, facts={"keywords": {**wanted, **nothing}})
    endpoint.metadata(chosen[0], ["/NativeDicomModel[", "]"], facts={"situation": "bad-xpath", "fails": True})
    gone = {"instance": absent_uid(endpoint.web), "also": {"XPath": ["/"]}}
    about = {"situation": "unknown-document", "fails": True}
    endpoint.ask(Question(METADATA, (endpoint.document(chosen[0], **gone),)), facts=about)


@_probe("wado-ws.wrong-messages", provokes=[WRONG])
def wrong_messages(endpoint: _Endpoint) -> None:
    """Messages with one thing wrong: version, syntax, a declaration, depth, action, headers, media type."""
    service = next((s for s in (DOCUMENTS, METADATA, RENDERED) if endpoint.has(s)), DOCUMENTS)
    right = Question(service, (endpoint.document(endpoint.held[0], also=_ALSO[service]),), COMMON)
    strange = '<x:other xmlns:x="urn:dicomproof:other" env:mustUnderstand="1">1</x:other>'
    entity = "<!DOCTYPE a [<!ENTITY b 'c'>]>"
    bomb = "<!DOCTYPE a [<!ENTITY b 'cccccccccc'>" + "".join(
        f"<!ENTITY b{n} '{f'&b{n - 1 if n > 1 else str()};' * 10}'>" for n in range(1, 9)
    )
    wrong = {
        "must-understand": right.but(headers=strange),
        "version": right.but(envelope="http://schemas.xmlsoap.org/soap/envelope/"),
        "doctype": right.but(prolog=entity),
        "bomb": right.but(prolog=f"{bomb}]>", headers="<x>&b8;</x>"),
        "depth": right.but(body="<a>" * 2000 + "</a>" * 2000),
        "action": right.but(action="urn:dicomproof:nothing", body="<x:nothing xmlns:x='urn:dicomproof'/>"),
        "no-action": right.but(action=""),
        "body": right.but(body=""),
    }
    for what, question in wrong.items():
        endpoint.ask(question, facts={"wrong": what})
    fields, octets = plain(envelope(right))
    endpoint.web.ask("POST", endpoint.url, ACCEPT, fields, octets[: len(octets) // 2], facts={"wrong": "syntax"})
    with endpoint.web.journey(WRONG):
        for type_ in ("text/xml; charset=utf-8", "application/xml", "application/json", "text/plain"):
            endpoint.web.ask("POST", endpoint.url, ACCEPT, [("Content-Type", type_)], octets, facts={"soap": True})


_ALSO: dict[str, dict[str, Any]] = {DOCUMENTS: {}, METADATA: {"XPath": ["/"]}, RENDERED: {"ContentTypeList": [JPEG]}}
