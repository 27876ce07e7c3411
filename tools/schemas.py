"""Writes the generated files of schemas/ out of schemas/vr.json, schemas/keys.json and the dictionary of PS3.6.

    python tools/schemas.py            write them
    python tools/schemas.py --check    exit 1 when what stands there is not what would be written

Knows JSON Schema 2020-12 and the tables; must not know the readers in harness/wire, which the tests compare with it.
"""

from __future__ import annotations

import json
import math
import re
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydicom._dicom_dict import DicomDictionary, RepeatersDictionary
from pydicom.datadict import dictionary_VR, keyword_for_tag

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from tools.grammars import grammars  # noqa: E402

FOLDER = ROOT / "schemas"
BASE = "https://dicomproof.example/schemas/"
MODEL = "dicom-json.schema.json"
DRAFT = "https://json-schema.org/draft/2020-12/schema"
WRITTEN = "Written by tools/schemas.py from vr.json, keys.json and the data dictionary of PS3.6; do not edit."
VM_WRITTEN = "Written by tools/schemas.py from the data dictionary of PS3.6 as pydicom has it; do not edit."
VM_COLUMNS = {
    "vm": "the elements that have this VM: so many values, from-to, or from-n; 2-2n are pairs, 3-3n triples",
    "retired": "of the same, those that PS3.6 retires: how many values old objects have is not sure (PS3.5 6.2)",
    "x": "stands for any hexadecimal digit in the tag of an element of a repeating group",
}
BASE64 = "[A-Za-z0-9+/]"
# the last character of a group that is not whole leaves bits over, which are zero (RFC 4648 3.5)
TAIL = {0: "", 1: f"{BASE64}[AQgw]==", 2: f"{BASE64}{{2}}[AEIMQUYcgkosw048]="}

Schema = dict[str, Any]


def table(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((FOLDER / name).read_text(encoding="utf-8"))
    return found


def dicom_json() -> Schema:
    """The schema of one data set, or an array of them, in the DICOM JSON Model (PS3.18 Annex F)."""
    vrs = table("vr.json")
    rows: dict[str, Any] = vrs["vrs"]
    return {
        "$schema": DRAFT,
        "$id": BASE + MODEL,
        "$comment": WRITTEN,
        "title": "DICOM JSON Model",
        "description": "One data set, or an array of data sets, as of PS3.18 Annex F; values by PS3.5 6.2.",
        "anyOf": [{"$ref": "#/$defs/dataset"}, {"$ref": "#/$defs/datasets"}],
        "$defs": {
            "datasets": {"type": "array", "items": {"$ref": "#/$defs/dataset"}},
            "dataset": {
                "description": "A data set; the names stand in ascending order, which no schema can ask for.",
                "type": "object",
                "propertyNames": {"$ref": "#/$defs/tag"},
                "additionalProperties": {"$ref": "#/$defs/attribute"},
            },
            "tag": tag(),
            "attribute": attribute(rows),
            "uri": {"type": "string", "minLength": 1, **whole(vrs["uri"], "[^!#-;=?-\\[\\]_a-z~]")},
            "group": group(rows["PN"]),
            **{code: by_vr(code, row) for code, row in rows.items()},
        },
    }


def tag() -> Schema:
    """The name of an attribute: PS3.18 F.2.2, PS3.5 7.1, 7.5, 7.8."""
    odd = "[0-9A-F]{3}[13579BDF]"
    wrong = {
        "File Meta Information (PS3.10 7.1)": "^0002",
        "item and delimitation tags (PS3.5 7.5)": "^FFFE",
        "group length (PS3.18 F.2.2)": "^(?:[1-9A-F]...|.[1-9A-F]..|..[1-9A-F].|...[1-9A-F])0000",
        "groups that are not private, nor of the standard (PS3.5 7.8)": "^(?:000[1357]|FFFF)",
        "private elements outside of blocks (PS3.5 7.8.1)": f"^{odd}(?:000[1-9A-F]|0[1-9A-F]..)",
    }
    refused = [{"$comment": why, "pattern": pattern} for why, pattern in wrong.items()]
    return {"maxLength": 8, "pattern": "^[0-9A-F]{8}", "not": {"anyOf": refused}}


def attribute(rows: Mapping[str, Any]) -> Schema:
    """An attribute object: its members (PS3.18 F.2.2), then what its VR makes of them."""
    contents = ("Value", "BulkDataURI", "InlineBinary")
    return {
        "type": "object",
        "required": ["vr"],
        "additionalProperties": False,
        "properties": {
            "vr": {"enum": sorted(rows)},
            "Value": {"type": "array", "minItems": 1},
            "BulkDataURI": {"$ref": "#/$defs/uri"},
            "InlineBinary": {"type": "string", "minLength": 1},
        },
        "not": {"anyOf": [{"required": [a, b]} for i, a in enumerate(contents) for b in contents[i + 1 :]]},
        "allOf": [
            {
                "if": {"type": "object", "properties": {"vr": {"const": code}}, "required": ["vr"]},
                "then": {"$ref": f"#/$defs/{code}"},
            }
            for code in sorted(rows)
        ],
    }


def by_vr(code: str, row: Mapping[str, Any]) -> Schema:
    """What the members of an attribute of this VR are (PS3.18 F.2.2, F.2.3, F.2.5)."""
    members: Schema = {"Value": values(code, row) if row["json"] else False}
    if not row["bulkdata"]:
        members["BulkDataURI"] = False
    members["InlineBinary"] = whole(base64(row["word"]), "[^A-Za-z0-9+/=]") if row["inline"] else False
    return {"title": row["name"], "properties": members}


def values(code: str, row: Mapping[str, Any]) -> Schema:
    if code == "SQ":
        return {"items": {"$ref": "#/$defs/dataset"}}
    one: list[Schema] = [{"type": "null"}]
    if "string" in row["json"]:
        one.append(string(row))
    if "number" in row["json"]:
        one.append(number(code, row))
    if code == "PN":
        one.append(person_name())
    # null stands for an empty value among several (F.2.5)
    made: Schema = {"items": {"anyOf": one}, "not": {"const": [None]}}
    return made if row["multiple"] else {**made, "maxItems": 1}


def string(row: Mapping[str, Any]) -> Schema:
    """One value as a string. Patterns avoid '$' and look-ahead: their meaning differs from engine to engine."""
    made: list[Schema] = []
    if "characters" in row:
        made.append({"not": {"pattern": f"[^{row['characters']}]"}})
    if "forbidden" in row:
        made.append({"not": {"pattern": f"[{row['forbidden']}]"}})
    if row.get("uri"):
        made += [{"$ref": "#/$defs/uri"}, {"not": {"pattern": "^ "}}]
    if "form" in row:
        made.append({"pattern": f"^(?:{row['form']})$"})
    if "minimum" in row:
        made.append({"pattern": f"^(?: *{integer(row)} *)$", "not": {"pattern": "[^0-9+ -]"}})
        if "length" not in row:  # a binary number that is spelled out has no spaces in it
            made.append({"not": {"pattern": " "}, "maxLength": 31})
    if row.get("length"):
        made += longest(row["length"])
    return {"type": "string", "minLength": 1, "allOf": made} if made else {"type": "string", "minLength": 1}


def longest(most: int) -> list[Schema]:
    """At most so many characters, and one space of padding that some other value may have needed (PS3.5 6.4)."""
    return [{"maxLength": most + 1}, {"not": {"pattern": f"^[\\s\\S]{{{most}}}[^ ]"}}]


def integer(row: Mapping[str, Any]) -> str:
    """A pattern for the decimal spelling of an integer in the range of the row."""
    low, high = row["minimum"], row["maximum"]
    minus = f"-0*(?:{up_to(-low)})" if low < 0 else "-0+"
    return f"(?:\\+?0*(?:{up_to(high)})|{minus})"


def up_to(most: int) -> str:
    """A pattern for the decimal spellings of 0 to `most` without more zeros before them, at least one digit."""
    digits = str(most)
    ways = [f"[0-9]{{1,{len(digits) - 1}}}"]
    for at, digit in enumerate(digits):
        lowest = 1 if at == 0 else 0
        if int(digit) > lowest:
            rest = len(digits) - at - 1
            ways.append(f"{digits[:at]}[{lowest}-{int(digit) - 1}]" + (f"[0-9]{{{rest}}}" if rest else ""))
    return "|".join([*ways, digits])


def number(code: str, row: Mapping[str, Any]) -> Schema:
    if "minimum" not in row:
        return {"type": "number", "minimum": -sys.float_info.max, "maximum": sys.float_info.max}
    kind = "number" if row.get("real") else "integer"
    return {"type": kind, "minimum": row["minimum"], "maximum": row["maximum"]}


def person_name() -> Schema:
    groups = ("Alphabetic", "Ideographic", "Phonetic")
    return {
        "type": "object",
        "minProperties": 1,
        "additionalProperties": False,
        "properties": {name: {"$ref": "#/$defs/group"} for name in groups},
    }


def group(row: Mapping[str, Any]) -> Schema:
    """A component group of a person name (PS3.5 6.2.1)."""
    wrong = [f"[{row['forbidden']}]", "^(?:[^^]*\\^){5}", f"^[\\s\\S]{{{row['length']},}}[^ ]"]
    return {"type": "string", "minLength": 1, "not": {"anyOf": [{"pattern": pattern} for pattern in wrong]}}


def whole(form: str, wrong: str) -> Schema:
    """A string that has the form from end to end; `wrong` finds the line end that some engines let '$' pass over."""
    return {"pattern": f"^(?:{form})$", "not": {"pattern": wrong}}


def base64(word: int) -> str:
    """A pattern for base64 of whole words of so many octets, at least one (RFC 4648 4)."""
    period = math.lcm(3, word)
    rests = []
    for octets in range(word, period, word):
        rests.append(f"{BASE64}{{{octets // 3 * 4}}}{TAIL[octets % 3]}" if octets >= 3 else TAIL[octets % 3])
    tail = f"(?:{'|'.join(rests)})?" if rests else ""
    return f"(?:{BASE64}{{{period // 3 * 4}}})*{tail}"


def response(name: str, row: Mapping[str, Any]) -> Schema:
    """The schema of one response: the model, and the tables that PS3.18 has for it."""
    keys = table("keys.json")
    refs = [{"$ref": f"{MODEL}#/$defs/dataset"}, *({"$ref": f"#/$defs/{one}"} for one in row["tables"])]
    dataset = {"allOf": refs}
    alone = {"type": "array", "minItems": 1, "maxItems": 1, "items": {"$ref": "#/$defs/dataset"}}
    top: Schema = {"type": "array", "items": {"$ref": "#/$defs/dataset"}}
    if row.get("single"):
        top = {"anyOf": [{"$ref": "#/$defs/dataset"}, alone]}
    return {
        "$schema": DRAFT,
        "$id": f"{BASE}{name}.schema.json",
        "$comment": WRITTEN,
        "title": row["says"],
        **top,
        "$defs": {"dataset": dataset, **{one: module(keys, one) for one in _reached(keys, row["tables"])}},
    }


def _reached(keys: Mapping[str, Any], names: list[str]) -> list[str]:
    """These tables and those of the items in them, each once."""
    found: list[str] = []
    for name in names:
        for one in (name, *_reached(keys, list(keys["tables"][name].get("items", {}).values()))):
            if one not in found:
                found.append(one)
    return found


def module(keys: Mapping[str, Any], name: str) -> Schema:
    """One table of keys.json as a schema."""
    row = keys["tables"][name]
    items = row.get("items", {})
    kinds = {tag: kind for kind in ("unique", "valued", "required", "conditional") for tag in row.get(kind, [])}
    properties = {tag: key(keys, tag, kind, items.get(tag)) for tag, kind in sorted(kinds.items())}
    made: Schema = {"description": row["source"], "properties": properties}
    if due := sorted(tag for tag, kind in kinds.items() if kind != "conditional"):
        made["required"] = due
    if "some" in row:
        made["anyOf"] = [{"required": [one]} for one in row["some"]]
    return made


def key(keys: Mapping[str, Any], tag: str, kind: str, item: str | None) -> Schema:
    """One attribute of a table: its VR, and how many values or which items it has."""
    vrs = [*dictionary_VR(int(tag, 16)).split(" or "), *keys["also"].get(tag, [])]
    made: Schema = {"title": keyword_for_tag(int(tag, 16)), "properties": {"vr": {"enum": vrs}}}
    if kind in ("unique", "valued") or item:
        made["required"] = ["Value"]
    if kind == "unique":
        made["properties"]["Value"] = {"maxItems": 1}
    if item:
        made["properties"]["Value"] = {"items": {"$ref": f"#/$defs/{item}"}}
    return made


def multiplicities() -> str:
    """The table of Value Multiplicity (PS3.6 6): every element by the VM that it has, a dozen tags on a line."""
    found = {f"{number:08X}": row for number, row in DicomDictionary.items()}
    found |= {mask.upper().replace("X", "x"): row for mask, row in RepeatersDictionary.items()}
    vms = sorted({row[1] for row in found.values()}, key=_by_size)
    lines = [f'    "{vm}": {_list([t for t, row in found.items() if row[1] == vm])}' for vm in vms]
    retired = _list([tag for tag, row in found.items() if row[3]])
    head = {"$comment": VM_WRITTEN, "title": "Value Multiplicity of the data elements of PS3.6", "columns": VM_COLUMNS}
    body = ",\n".join(lines)
    return f'{json.dumps(head, indent=2)[:-2]},\n  "vm": {{\n{body}\n  }},\n  "retired": {retired}\n}}\n'


def _by_size(vm: str) -> tuple[list[int], str]:
    return [int(word) for word in re.findall("[0-9]+", vm)], vm


def _list(tags: list[str]) -> str:
    """A JSON array with a dozen tags on a line."""
    tags = sorted(tags)
    lines = [", ".join(f'"{tag}"' for tag in tags[at : at + 12]) for at in range(0, len(tags), 12)]
    return "[\n      " + ",\n      ".join(lines) + "\n    ]"


def files() -> dict[Path, str]:
    """Every generated file and what stands in it."""
    schemas = {MODEL: dicom_json()}
    for name, row in table("keys.json")["responses"].items():
        schemas[f"{name}.schema.json"] = response(name, row)
    made = {FOLDER / name: json.dumps(schema, indent=2) + "\n" for name, schema in schemas.items()}
    made[FOLDER / "vm.json"] = multiplicities()
    return made | {FOLDER / name: text for name, text in grammars(table("vr.json")).items()}


def main() -> int:
    stale = [p for p, text in files().items() if not p.is_file() or p.read_text(encoding="utf-8") != text]
    if "--check" in sys.argv:
        print("\n".join(f"{p.name} is stale; run tools/schemas.py" for p in stale), end="\n" if stale else "")
        return 1 if stale else 0
    for path in stale:
        path.write_text(files()[path], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
