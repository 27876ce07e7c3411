"""Sets up an environment of its own beside this file and runs dicomproof or its tests in it.

    python3 go.py check sim:        any dicomproof command
    python3 go.py tests             the test suite (further words go to pytest)
    python3 go.py lint | types      ruff; mypy --strict
    python3 go.py bench             the benchmarks

Needs Python 3.11 or newer, and a package registry for the first run. Knows packaging only.
"""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from pathlib import Path

ROOT = Path(__file__).resolve().parent
HOME = ROOT / ".venv"
BIN = HOME / ("Scripts" if os.name == "nt" else "bin")
PYTHON = BIN / ("python.exe" if os.name == "nt" else "python")
STAMP = HOME / "dicomproof.stamp"

TASKS = {
    "tests": [["-m", "pytest", "-n", "auto", "--dist", "loadfile", "--no-loadscope-reorder"]],
    "lint": [["-m", "ruff", "check", "."], ["-m", "ruff", "format", "--check", "."]],
    "types": [["-m", "mypy"]],
    "bench": [["-m", "pytest", "benchmarks", "-o", "python_files=bench_*.py"]],
}


def prepare(extra: str) -> None:
    """Create the environment, or bring it up to date when what the project needs has changed."""
    needs = (ROOT / "pyproject.toml").read_bytes() + extra.encode() + sys.version.encode()
    wanted = hashlib.sha256(needs).hexdigest()
    have = STAMP.read_text().splitlines() if STAMP.is_file() else []
    if wanted in have and PYTHON.exists():
        return
    sys.stderr.write(f"Setting up {HOME.name} (once; takes a minute) ...\n")
    if not PYTHON.exists():
        venv.create(HOME, with_pip=True)
    done = subprocess.run([str(PYTHON), "-m", "pip", "install", "--quiet", "--disable-pip-version-check",
                           "--editable", f"{ROOT}[{extra}]"], check=False)  # fmt: skip
    if done.returncode:
        sys.exit("The packages could not be installed; see the lines above. Is a package registry reachable?")
    STAMP.write_text("\n".join([*have, wanted]))


def main(words: list[str]) -> int:
    if sys.version_info < (3, 11):  # noqa: UP036 - somebody will try with an older one
        sys.exit("dicomproof needs Python 3.11 or newer.")
    task = words[0] if words else "--help"
    if task not in TASKS:
        prepare("fast")
        return subprocess.run([str(PYTHON), "-m", "dicomproof", *words], check=False).returncode
    prepare("dev")
    for command in TASKS[task]:
        code = subprocess.run([str(PYTHON), *command, *words[1:]], cwd=ROOT, check=False).returncode
        if code:
            return code
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
