"""Knows the nodes that a Capabilities Description is made of (PS3.18 Annex H): resources, methods, parameters.

Must not know which resources there are.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from simulators.web.negotiate import JSON, XML

Node = dict[str, Any]

METADATA = (JSON, f'multipart/related; type="{XML}"')


def resource(path: str, methods: Sequence[Node], below: Sequence[Node] = ()) -> Node:
    node: Node = {"@path": path}
    if path.startswith("{"):
        node["param"] = [{"@name": path[1:-1], "@style": "template", "@type": "xs:string", "@required": "true"}]
    if methods:
        node["method"] = list(methods)
    if below:
        node["resource"] = list(below)
    return node


def retrieve(id: str, types: Sequence[str]) -> Node:
    parameters = [accept(types), charset(), query("accept", "xs:string"), query("charset", "xs:string")]
    responses = [response("200 206", types), response("400 404 406")]
    return {"@id": id, "@name": "GET", "request": {"param": parameters}, "response": responses}


def search(id: str, keywords: Sequence[str], modern: bool) -> Node:
    parameters = [accept(METADATA), charset(), query("accept", "xs:string"), query("charset", "xs:string")]
    parameters += [query("limit", "xs:nonNegativeInteger"), query("offset", "xs:nonNegativeInteger")]
    parameters += [query(k, "xs:string", k.endswith("UID")) for k in keywords]
    parameters += [{**query("includefield", "xs:string", True), "option": [{"@value": "all"}]}]
    flags = ["emptyvaluematching", "multiplevaluematching"] if modern else []
    parameters += [{**query(f, "xs:boolean"), "option": [{"@value": "true"}, {"@value": "false"}]} for f in flags]
    responses = [response("200 204", METADATA), response("400 406")]
    return {"@id": id, "@name": "GET", "request": {"param": parameters}, "response": responses}


def accept(types: Sequence[str]) -> Node:
    options = [{"@value": type} for type in types]
    return {"@name": "Accept", "@style": "header", "@required": "true", "@default": types[0], "option": options}


def charset() -> Node:
    return {"@name": "Accept-Charset", "@style": "header", "option": [{"@value": "UTF-8"}]}


def query(name: str, type: str, repeating: bool = False) -> Node:
    return {"@name": name, "@style": "query", "@type": type, **({"@repeating": "true"} if repeating else {})}


def response(status: str, types: Sequence[str] = ("text/html", "text/plain", "application/json")) -> Node:
    return {"@status": status, "representation": [{"@mediaType": type} for type in types]}
