"""Knows HAR 1.2, the file in which a browser or a proxy tells what it asked and was answered.

It is told at second hand: payloads stand there with their codings undone, fields of HTTP/2 as if they were of HTTP/1.1,
and much may be left out. What is left out is said to be missing, and never taken for empty.
Must not know rules, or where services of DICOM begin in a URL.
"""

from __future__ import annotations

import base64
import binascii
import datetime
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from harness.body import Body
from harness.exchange import Answer, Ask, Fault, Headers
from harness.wire import media

MOST_ENTRIES: Final = 100_000
_VERSIONS = {"h2": "HTTP/2", "http/2": "HTTP/2", "http/2.0": "HTTP/2", "h3": "HTTP/3", "http/3": "HTTP/3",
             "http/1.1": "HTTP/1.1", "http/1.0": "HTTP/1.0"}  # fmt: skip
_URL = re.compile(r"https?://[^/?#\s]+(?:[/?#]\S*)?", re.IGNORECASE)
_METHOD = re.compile(r"[!#$%&'*+\-.^_`|~0-9A-Za-z]+")
_XML_ENCODING = re.compile(r"""<\?xml[^>]{0,200}?encoding\s*=\s*["']([A-Za-z0-9._-]{1,40})["']""")
_BODILESS = (204, 304)
LOST = "�"  # stands where octets were no text


class NoHar(ValueError):
    """The text is no HAR at all; the message says why."""


class BadEntry(ValueError):
    """An entry cannot be read; the message continues a sentence that begins with its place."""


@dataclass(frozen=True)
class Entry:
    """One entry. `index` counts from 0; `url` is absolute; `began` are seconds since 1970, None when it does not say.

    `left` says why it shows nothing that was said on a wire just then, '' when it does. `provisional`: its request
    header fields are not those that were sent.
    """

    index: int
    url: str
    ask: Ask
    answer: Answer
    began: float | None = None
    ms: int = 0
    left: str = ""
    provisional: bool = False


def entries(octets: bytes) -> list[Any]:
    """The entries as they stand there, unread; NoHar when there are none to be had."""
    try:
        told = json.loads(octets.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise NoHar(f"is no HAR: octet {error.start} is no UTF-8") from None
    except (ValueError, RecursionError) as error:
        raise NoHar(f"is no HAR: {_brief(str(error))}") from None
    log = told.get("log") if isinstance(told, dict) else None
    found = log.get("entries") if isinstance(log, dict) else None
    if not isinstance(found, list):
        raise NoHar("is no HAR: it has no list log.entries")
    if len(found) > MOST_ENTRIES:
        raise NoHar(f"has {len(found)} entries, and up to {MOST_ENTRIES} are read")
    return found


def entry(told: Any, index: int) -> Entry:
    """One entry, its payloads decoded; BadEntry when it says too little or contradicts itself."""
    told = _object(told, "is no object")
    request = _object(told.get("request"), "has no request")
    response = _object(told.get("response"), "has no response")
    url, method = request.get("url"), request.get("method")
    if not isinstance(method, str) or not _METHOD.fullmatch(method):
        raise BadEntry("has no method in request.method")
    if not isinstance(url, str) or not _URL.fullmatch(url):
        raise BadEntry("has no http URL in request.url")
    headers = _headers(request.get("headers"), url)
    ask = Ask(method, _target(url), "", headers, _question(request, headers), _version(request))
    answer = _answer(response, method)
    real = any(name in headers for name in ("accept", ":authority")) or any(
        n.lower() == "host" for n, _ in fields(told, "request")
    )
    return Entry(index, url, ask, answer, _began(told), _ms(told), _left(told, response), not real)


def fields(told: Any, side: str) -> list[tuple[str, str]]:
    """The header fields of the request or the response of an entry, as far as there are any."""
    message = told.get(side) if isinstance(told, dict) else None
    return list(_pairs(message.get("headers"))) if isinstance(message, dict) else []


def moment(told: Any) -> tuple[float | None, int]:
    """When an entry began, in seconds since 1970, and how many milliseconds it took."""
    return (_began(told), _ms(told)) if isinstance(told, dict) else (None, 0)


def _object(value: Any, why: str) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise BadEntry(why)
    return value


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _number(value: Any) -> int:
    """A size; -1 for one that is not known."""
    known = isinstance(value, int | float) and not isinstance(value, bool) and 0 <= value < 1 << 60
    return int(value) if known else -1


def _pairs(told: Any) -> Iterator[tuple[str, str]]:
    for one in told if isinstance(told, list) else ():
        if isinstance(one, dict) and isinstance(one.get("name"), str) and isinstance(one.get("value"), str):
            # what was several fields of a name is joined by some with line ends
            for value in one["value"].split("\n"):
                yield one["name"], value.strip(" \t\r")


def _headers(told: Any, url: str = "") -> Headers:
    """The fields; the pseudo fields of HTTP/2 are none, but :authority says what Host does (RFC 9113 8.3.1)."""
    pairs = list(_pairs(told))
    authority = [value for name, value in pairs if name.lower() == ":authority"]
    fields = [(name, value) for name, value in pairs if not name.startswith(":")]
    if url and not any(name.lower() == "host" for name, _ in fields):
        fields.insert(0, ("Host", authority[0] if authority else url.split("/")[2]))
    return Headers(tuple(fields))


def _target(url: str) -> str:
    rest = url.split("://", 1)[1]
    at = re.search(r"[/?#]", rest)
    target = rest[at.start() :].partition("#")[0] if at else ""
    return target if target.startswith("/") else f"/{target}"


def _version(message: Mapping[str, Any]) -> str:
    said = _text(message.get("httpVersion"))
    return _VERSIONS.get(said.lower(), said if said.startswith("HTTP/") else "HTTP/1.1")


def _question(request: Mapping[str, Any], headers: Headers) -> Body:
    """The payload of a request; it is cut where the text that stands there cannot be what was sent."""
    data = request.get("postData")
    size = max(_number(request.get("bodySize")), _length(headers))
    if not isinstance(data, dict):
        return Body.of(b"", truncated=size > 0)
    text = _text(data.get("text"))
    coded = data.get("encoding") == "base64" or data.get("_encoding") == "base64"
    octets = _base64(text) if coded else text.encode("utf-8", "surrogatepass")
    # form parameters and octets that are no text are not told as they were sent
    lost = (not coded and LOST in text) or (not text and bool(data.get("params")))
    return Body.of(octets, truncated=lost or (size >= 0 and size != len(octets)))


def _length(headers: Headers) -> int:
    said = (headers.get("content-length") or "").strip()
    return int(said) if said.isascii() and said.isdigit() and len(said) < 18 else -1


def _base64(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise BadEntry("has a payload that is no base64") from None


def _answer(response: Mapping[str, Any], method: str) -> Answer:
    status = response.get("status")
    status = status if isinstance(status, int) and not isinstance(status, bool) else 0
    if status <= 0:
        why = _text(response.get("_error")) or _text(response.get("_failureText")) or "it was aborted or blocked"
        return Answer(fault=Fault("reset", f"the capture has no answer: {_brief(why)}"))
    headers = _headers(response.get("headers"))
    body, missing = _content(response, headers, method, status)
    if not _coded(body, headers):
        headers = headers.but("content-encoding", None)
    fault = Fault("too-large", f"the capture does not hold the whole payload: {missing}") if missing else None
    return Answer(status, _text(response.get("statusText")), headers, body, _version(response), fault)


def _content(response: Mapping[str, Any], headers: Headers, method: str, status: int) -> tuple[Body, str]:
    """The payload with its codings undone, and what is missing of it."""
    content = response.get("content")
    content = content if isinstance(content, dict) else {}
    size, text = _number(content.get("size")), content.get("text")
    if method == "HEAD" or status in _BODILESS:
        return Body.of(b""), ""
    if not isinstance(text, str) or (not text and size > 0):
        if _number(response.get("bodySize")) == 0 or _length(headers) == 0:
            return Body.of(b""), ""
        return Body.of(b"", truncated=True), f"nothing of {size} octets" if size > 0 else "nothing of it"
    if content.get("encoding") == "base64":
        octets, lost = _base64(text), ""
    else:
        octets, lost = _encoded(text, headers, _text(content.get("mimeType")))
    if not lost and len(octets) < size:
        lost = f"{len(octets)} of {size} octets"
    return Body.of(octets, truncated=bool(lost)), lost


def _coded(body: Body, headers: Headers) -> bool:
    """Whether the coding that the fields tell was left in the payload, as only few tools do."""
    return "gzip" in (headers.get("content-encoding") or "").lower() and body.read(0, 3) == b"\x1f\x8b\x08"


def _encoded(text: str, headers: Headers, said: str) -> tuple[bytes, str]:
    """The octets that a text was, and why nobody can tell if so."""
    if text.isascii():
        return text.encode("ascii"), ""
    declared = _XML_ENCODING.match(text)
    type_ = media.read_content_type(headers.all("content-type") or [said])
    charset = declared[1] if declared else type_.parameters.get("charset", "utf-8")
    if LOST in text:
        return b"", "octets that are no text were replaced"
    try:
        return text.encode(charset), ""
    except (LookupError, UnicodeError):
        return b"", f"the text is not of {charset!r}"


def _began(told: Mapping[str, Any]) -> float | None:
    try:
        return datetime.datetime.fromisoformat(_text(told.get("startedDateTime")).replace("Z", "+00:00")).timestamp()
    except (ValueError, OverflowError):
        return None


def _ms(told: Mapping[str, Any]) -> int:
    return max(_number(told.get("time")), 0)


def _left(told: Mapping[str, Any], response: Mapping[str, Any]) -> str:
    """Why an entry shows nothing that was said just then."""
    if told.get("_fromCache") or response.get("_fromCache"):
        return "came from the cache of the client"
    if told.get("_fetchedViaServiceWorker") or response.get("_fetchedViaServiceWorker"):
        return "came from a service worker of the client"
    return ""


def _brief(text: str) -> str:
    return text if len(text) <= 200 else f"{text[:200]}…"
