"""Knows the commands that a report prints: how a rule or a whole run is run again, how one question is asked by hand.

Must not run any of them.
"""

from __future__ import annotations

import re
import shlex

from harness.exchange import Ask
from harness.record import Run
from harness.secrets import NAMES

LONGEST = 4000  # characters; a longer question is no command line any more
_PLAIN = re.compile(r"[ -~]*")


def again(run: Run, rule: str) -> str:
    """The command that shows a rule's verdict again; the one that made the run, narrowed to the rule."""
    command: str = run.header.get("command", "")
    if "{rule}" in command:
        return command.replace("{rule}", shlex.quote(rule))
    return f"dicomproof judge {shlex.quote(run.path.name)} --only {shlex.quote(rule)}"


def whole(run: Run) -> str:
    """The command that makes the whole run again."""
    only = str(run.header.get("only", ""))
    narrowed = f" --only {shlex.quote(only)}" if only else ""
    return str(run.header.get("command", "")).replace(" --only {rule}", narrowed)


def curl(ask: Ask) -> str:
    """A command that asks the same with curl, run beside the record: a body is a file in blobs/.

    '' when the question is too long for a command line, or when nobody was asked: a file was read.
    """
    if ask.method == "READ" and not ask.base:
        return ""
    url = "/".join(ask.base.split("/", 3)[:3]) + ask.target
    words = ["curl", "-i", "--globoff", "--path-as-is"]
    if ask.method != "GET":
        words += ["--head"] if ask.method == "HEAD" else ["-X", _quoted(ask.method)]
    for name, value in ask.headers:
        if name.lower() not in ("host", "content-length"):
            words += ["-H", _quoted(f"{name}: {value}" if value.strip() else f"{name};")]
    if ask.body:
        words += ["--data-binary", f"@blobs/{ask.body.digest[:2]}/{ask.body.digest[2:]}"]
    command = " ".join([*words, _quoted(url)])
    return command if len(command) <= LONGEST else ""


def masked(ask: Ask) -> bool:
    """Whether the record hides credentials that whoever asks again has to fill in."""
    return any("****" in value for name, value in ask.headers if name.lower() in NAMES)


def _quoted(text: str) -> str:
    """One word for a POSIX shell; bash's $'' form where octets have to be named."""
    if _PLAIN.fullmatch(text):
        return text if re.fullmatch(r"[A-Z]+", text) else "'" + text.replace("'", "'\\''") + "'"
    octets = text.encode("latin-1") if all(c <= "\xff" for c in text) else text.encode("utf-8", "backslashreplace")
    return "$'" + "".join(_escaped(b) for b in octets) + "'"


def _escaped(octet: int) -> str:
    if octet in (0x27, 0x5C):
        return "\\" + chr(octet)
    return chr(octet) if 0x20 <= octet < 0x7F else f"\\x{octet:02x}"
