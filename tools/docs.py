"""Writes the generated parts of the docs: docs/defects.md and the policy table of docs/verdicts.md.

    python tools/docs.py            write them
    python tools/docs.py --check    exit 1 when what stands there is not what would be written

Knows the catalogue; must not know how rules judge.
"""

from __future__ import annotations

import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from dicomproof.catalogue import defect_rows  # noqa: E402
from harness.context import POLICIES  # noqa: E402
from harness.requirements import defects  # noqa: E402

HEAD = "| policy | question | readings (the first is the default) |\n|---|---|---|\n"
GROUPS = {
    "MP": "Multipart framing and part header fields",
    "AC": "Content negotiation, status codes, header fields, URLs",
    "JS": "DICOM JSON Model",
    "XM": "Native DICOM Model",
    "QI": "Search",
    "ST": "Store",
    "WA": "Retrieve",
    "CA": "Capabilities",
    "LI": "Controls: servers that lie",
}


def defects_page() -> str:
    """The known defects by group, each with the mutants that imitate it, or why none does yet."""
    lines = [
        "# Known defects, and which rule finds each",
        "",
        "Written by `tools/docs.py`. Side S is a server's defect, C a client's, L a library's (either side), B both.",
        "A mutant `rule/name` imitates the defect and is caught by its rule, which `dicomproof mutants --run` proves.",
        "Defects of clients, and of services that are not judged yet, wait for their time.",
    ]
    for group, title in GROUPS.items():
        rows = [row for row in defect_rows([group]) if row[1] != "C"]
        if not rows:
            continue
        found = Counter(bool(row[3]) and "/" in row[3] for row in rows)
        lines += ["", f"## {group}: {title}", "", f"{found[True]} of {len(rows)} are found.", ""]
        lines += ["| defect | side | what it is | found by, or why not yet |", "|---|---|---|---|"]
        lines += [f"| {d} | {side} | {_cell(text)} | {_how(how)} |" for d, side, text, how in rows]
    rest = Counter(d.group for d in defects().values() if d.group not in GROUPS or d.side == "C")
    lines += ["", "## Not yet judged", "", "| group | defects |", "|---|---|"]
    lines += [f"| {group} | {count} |" for group, count in sorted(rest.items())]
    return "\n".join(lines) + "\n"


def _how(how: str) -> str:
    words = [f"`{w}`" if "/" in w and " " not in w else w for w in how.split(", ")]
    return _cell(", ".join(words)) or "not yet"


def _cell(text: str) -> str:
    return " ".join(text.replace("|", "\\|").split())


def policies_table() -> str:
    rows = []
    for policy in POLICIES.values():
        readings = "; ".join(f"**{name}**: {says}" for name, says in policy.choices.items())
        rows.append(f"| {policy.id} | {policy.says} ({policy.cites}) | {readings} |")
    return "\n".join(rows)


def verdicts_page(text: str) -> str:
    """docs/verdicts.md with its last table brought up to date: everything up to the table's head is kept."""
    before, head, _ = text.partition(HEAD)
    return f"{before}{head}{policies_table()}\n"


def pages() -> dict[Path, str]:
    verdicts = ROOT / "docs" / "verdicts.md"
    return {ROOT / "docs" / "defects.md": defects_page(), verdicts: verdicts_page(verdicts.read_text(encoding="utf-8"))}


def main() -> int:
    stale = [p for p, text in pages().items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        print("\n".join(f"{p.name} is stale; run tools/docs.py" for p in stale), end="\n" if stale else "")
        return 1 if stale else 0
    for path, text in pages().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
