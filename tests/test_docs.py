"""What the pages show works: every command is one that exists, every target file can be read, every link leads on."""

from __future__ import annotations

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from dicomproof.cli import app
from harness.target import parse

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "ARCHITECTURE.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").glob("*.md"))]
BLOCK = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)#:]+)(?:#[^)]*)?\)")


_COMMANDS = "check|observe|watch|simulate|read|judge|rules|mutants"
_SAID = re.compile(rf"(?:^|[ '\"])dicomproof ((?:{_COMMANDS})\b.*)")


def blocks(*languages: str) -> Iterator[tuple[str, str]]:
    """The fenced blocks of these languages, with the page they stand in."""
    for page in PAGES:
        for language, text in BLOCK.findall(page.read_text(encoding="utf-8")):
            if language in languages:
                yield page.name, text


def commands() -> list[str]:
    """The words after each `dicomproof` that stands in a block, comments and placeholders left out."""
    found = []
    for _, text in blocks("", "yaml", "groovy", "sh"):
        for line in text.splitlines():
            said = re.search(
                r"(?:^|[ '\"])dicomproof ((?:check|observe|watch|simulate|read|judge|rules|mutants)\b.*)", line
            )
            if said:
                words = re.sub(r"\$\{\{.*?\}\}", "1", said[1]).split(" #")[0].rstrip()
                words = words if words.count("'") % 2 == 0 else words.rstrip("'")
                if "[" not in words:  # else it is a synopsis
                    found.append(words)
    return sorted(set(found))


def test_there_is_something_to_look_at() -> None:
    assert len(commands()) > 15
    assert len(list(blocks("toml"))) >= 2


@pytest.mark.parametrize("words", commands())
def test_every_command_is_understood(words: str) -> None:
    group: Any = typer.main.get_command(app)
    name, *rest = shlex.split(words)
    command = group.commands[name]
    with command.make_context(name, rest, resilient_parsing=False) as context:
        assert context.params


@pytest.mark.parametrize(("page", "text"), [b for b in blocks("toml") if "[dimse]" in b[1] or "[web]" in b[1]])
def test_every_target_file_is_read(page: str, text: str, tmp_path: Path) -> None:
    file = tmp_path / "acme.toml"
    file.write_text(text, encoding="utf-8")
    target = parse(str(file), {"PACS_PASSWORD": "s3cret"})
    assert target.base or target.dimse, page


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_every_link_leads_on(page: Path) -> None:
    links = LINK.findall(page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
