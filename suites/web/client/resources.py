"""Rule of PS3.18 8.2 and 10.1.1 on targets that are nearly a resource: what a client meant, and how it is written.

A server may have resources of its own, so only a target that becomes one of the text by a well-known slip is found.
Must not know what was answered.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from harness.exchange import Ask, Exchange
from harness.rule import ASK, USER_AGENT, Finding, rule
from harness.wire.uri import base_path, classify

_LITERALS = ("studies", "series", "instances", "frames", "metadata", "rendered", "thumbnail", "bulkdata", "workitems",
             "subscribers", "cancelrequest", "suspend")  # fmt: skip
_SLIPS = {"study": "studies", "instance": "instances", "frame": "frames", "serie": "series",
          "thumbnails": "thumbnail", "render": "rendered", "workitem": "workitems",
          "subscriber": "subscribers", "cancel": "cancelrequest"}  # fmt: skip
_FRAMES = 6  # the place of the word frames in the template of 10.1.1


def meant(method: str, path: str, base: str) -> str:
    """The path of the resource that was meant, '' when this one is as good as any."""
    root = base_path(base)
    if path != root and not path.startswith(root + "/"):
        return f"{root}{path}" if _known(method, path, "http://any") else ""
    words = path[len(root) + 1 :].split("/")
    # the Base URI itself may have a slash at its end
    fixed = _fixed(_last_of(root, words)) if any(words) else words
    mended = f"{root}/{'/'.join(fixed)}"
    if _without_list(fixed):
        return f"{mended.partition('/frames')[0]}/frames/{{list}}"
    return mended if fixed != words and _known(method, mended, base) else ""


def _known(method: str, path: str, base: str) -> bool:
    return classify(method, path, base).kind not in ("web.other", "web.uri", "web.capabilities")


def _last_of(root: str, words: Sequence[str]) -> list[str]:
    """The words after a second Base URI among them."""
    own = root.rpartition("/")[2]
    at = max((i for i, word in enumerate(words) if own and word == own), default=-1)
    return list(words[at + 1 :] if words[at + 1 : at + 2] and words[at + 1] in _LITERALS[:3] else words)


def _fixed(words: Sequence[str]) -> list[str]:
    found: list[str] = []
    for word in words:
        if word in ("", "."):
            continue
        if word == "..":
            found = found[:-1]
            continue
        small = word.lower()
        found.append(_SLIPS.get(small, small if small in _LITERALS else word))
    return found


def _without_list(words: Sequence[str]) -> bool:
    """The numbers of the frames are missing, or stand in segments of their own."""
    if words[:1] != ["studies"] or words[_FRAMES : _FRAMES + 1] != ["frames"]:
        return False
    after = words[_FRAMES + 1 :]
    return not after or (len(after) > 1 and all(map(str.isdecimal, after)))


def _meant(x: Exchange) -> str:
    """What was meant, but for what was asked beside a Base URI that may be one of several."""
    if x.resource.uid:
        return ""  # a resource of chapters 11 to 15, where an AE title may be like any word of ours
    beside = not x.resource.path.startswith(base_path(x.ask.base) + "/")
    return "" if beside and "served" not in x.facts else meant(x.ask.method, x.resource.path, x.ask.base)


@rule(
    "client.targets-as-the-templates",
    cites="PS3.18 8.2; 10.1.1; 10.4.1.1",
    on="web",
    who=USER_AGENT,
    content=False,
    when=lambda x: bool(x.ask.method) and x.kind not in ("web.uri", "web.wado-ws"),
    says="A target is written as the template of its resource: no empty segments, no other words, one Base URI.",
)
def targets_as_the_templates(x: Exchange) -> Iterator[Finding]:
    if want := _meant(x):
        # a server may have such a resource as well
        yield Finding(x.resource.path[:200], want[:200], "request target", warn=True)


def _below(x: Exchange, change: str) -> Ask | None:
    """The question with this in front of its path below the Base URI."""
    root = base_path(x.ask.base)
    if not x.ask.target.startswith(f"{root}/studies"):
        return None
    return x.ask.but(target=f"{root}/{change}{x.ask.target[len(root) + 1 :]}")


@targets_as_the_templates.mutant(at=ASK)
def ends_in_a_slash(x: Exchange) -> Ask | None:
    """The path ends in a slash."""
    path, mark, query = x.ask.target.partition("?")
    return x.ask.but(target=f"{path}/{mark}{query}") if x.resource.search else None


@targets_as_the_templates.mutant(at=ASK)
def has_a_slash_too_many(x: Exchange) -> Ask | None:
    """The Base URI ended in a slash, and the path began with one."""
    return _below(x, "/")


@targets_as_the_templates.mutant(at=ASK)
def has_its_base_twice(x: Exchange) -> Ask | None:
    """The Base URI stands there twice."""
    last = base_path(x.ask.base).rpartition("/")[2]
    return _below(x, f"{last}/") if last else None


@targets_as_the_templates.mutant(at=ASK)
def asks_for_one_study(x: Exchange) -> Ask | None:
    """The collection is called by its singular."""
    return x.ask.but(target=x.ask.target.replace("/studies", "/study", 1)) if x.resource.study else None


@targets_as_the_templates.mutant(at=ASK)
def asks_for_frames_without_numbers(x: Exchange) -> Ask | None:
    """No number follows the word frames."""
    if x.kind != "web.retrieve.frames":
        return None
    return x.ask.but(target=f"{x.ask.target.partition('/frames/')[0]}/frames")


def _dicom(x: Exchange) -> bool:
    """The payload is one of those that Store has (Table 10.5.4-1)."""
    return x.ask.type == "multipart/related" and x.ask.media.root.startswith("application/dicom")


@rule(
    "client.stores-by-post",
    cites="PS3.18 10.5.1; 10.5.1.1; 10.3 Table 10.3-1",
    on="web",
    who=USER_AGENT,
    content=False,
    when=lambda x: x.ask.method in ("POST", "PUT", "PATCH") and _dicom(x),
    due=False,
    says="Instances are stored by POST to studies or to one study.",
)
def stores_by_post(x: Exchange) -> Iterator[Finding]:
    place = classify("GET", x.resource.path, x.ask.base).kind
    if x.kind == "web.other" and place.startswith(("web.search", "web.retrieve")):
        # a server may have a transaction of its own there
        yield Finding(x.ask.line[:200], "POST to studies or studies/{study}", "request line", warn=True)


@stores_by_post.mutant(at=ASK)
def stores_by_put(x: Exchange) -> Ask | None:
    """Instances are stored by PUT."""
    return x.ask.but(method="PUT") if x.kind == "web.store" and _dicom(x) else None


@stores_by_post.mutant(at=ASK)
def stores_to_a_series(x: Exchange) -> Ask | None:
    """Instances are posted to the series that they belong to."""
    if x.kind != "web.store" or not _dicom(x):
        return None
    return x.ask.but(target=f"{x.ask.target.partition('/studies')[0]}/studies/1.2.3/series/1.2.4")


_WORKFLOW = ("web.workitems", "web.commitments")
_ASKED = ("GET", "POST", "PUT", "PATCH", "DELETE")


def _methods(x: Exchange) -> list[str]:
    """The methods that this target of the worklist or commitment services has, where it was asked by none of them."""
    if x.kind != "web.other" or x.ask.method not in _ASKED:
        return []
    kinds = {method: classify(method, x.ask.target, x.ask.base).kind for method in _ASKED}
    return [method for method, kind in kinds.items() if kind.startswith(_WORKFLOW)]


@rule(
    "client.methods-as-the-templates",
    cites="PS3.18 11.3; 13.3; 8.2",
    on="web",
    who=USER_AGENT,
    content=False,
    when=lambda x: x.kind.startswith(_WORKFLOW) or bool(_methods(x)),
    due=False,
    says="A resource of the worklist or of commitment is asked by a method that its transactions have.",
)
def methods_as_the_templates(x: Exchange) -> Iterator[Finding]:
    if methods := _methods(x):
        # a server may have a transaction of its own there
        yield Finding(x.ask.line[:200], " or ".join(methods), "request line", warn=True)


@methods_as_the_templates.mutant(at=ASK)
def posts_every_change(x: Exchange) -> Ask | None:
    """A state is changed by POST."""
    return x.ask.but(method="POST") if x.kind == "web.workitems.state" else None


@methods_as_the_templates.mutant(at=ASK)
def deletes_what_is_done(x: Exchange) -> Ask | None:
    """A workitem that is no more needed is deleted."""
    return x.ask.but(method="DELETE") if x.kind == "web.workitems.retrieve" else None
