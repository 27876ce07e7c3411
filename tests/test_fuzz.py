"""The fuzz command: it finds nothing in the readers, and it finds what is planted for it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
COMMAND = [sys.executable, str(ROOT / "tools" / "fuzz.py")]
# a reader that fails in one of three ways, put in the place of a good one
BROKEN = """
import sys
sys.path.insert(0, {root!r})
from tools import fuzz
def hang(data):
    while True: pass
def grow(data):
    held = bytearray(3 << 30)
def fail(data):
    raise ValueError("planted")
fuzz.READERS["json"] = {name}
sys.argv = ["fuzz.py", "--reader", "json", "--inputs", "1", "--save", {save!r}]
sys.exit(fuzz.main())
"""


def run(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([*COMMAND, *words], capture_output=True, text=True, check=False, timeout=300)


def test_some_thousand_inputs_find_nothing(tmp_path: Path) -> None:
    done = run("--inputs", "3500", "--seed", "7", "--save", str(tmp_path / "found"))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "3500 inputs, 0 failed" in done.stdout
    assert not (tmp_path / "found").exists()


def test_the_same_number_is_the_same_input() -> None:
    sys.path.insert(0, str(ROOT))
    from tools import fuzz

    for reader in fuzz.READERS:
        first = [fuzz.input_of(reader, number, 3) for number in range(30)]
        assert first == [fuzz.input_of(reader, number, 3) for number in range(30)]
        assert len(set(first)) > 20
        assert first != [fuzz.input_of(reader, number, 4) for number in range(30)]


def planted(name: str, save: Path) -> tuple[int, str]:
    script = BROKEN.format(root=str(ROOT), name=name, save=str(save))
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=300)
    reports = [path.read_text(encoding="utf-8") for path in save.glob("*.txt")]
    assert len(reports) == len(list(save.glob("*.bin"))) == 1, done.stdout + done.stderr
    return done.returncode, reports[0]


def test_it_finds_a_hang_a_glutton_and_a_traceback(tmp_path: Path) -> None:
    for name, word in (("hang", "hang: more than"), ("grow", "memory: more than"), ("fail", "planted")):
        code, report = planted(name, tmp_path / name)
        assert code == 1
        assert word in report


def test_a_long_run_says_how_far_it_is(tmp_path: Path) -> None:
    script = f"import sys; sys.path.insert(0, {str(ROOT)!r}); from tools import fuzz; fuzz.TOLD = -1; "
    script += (
        f"sys.argv = ['fuzz.py', '--inputs', '3', '--seed', '5', '--save', {str(tmp_path)!r}]; sys.exit(fuzz.main())"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False, timeout=60)
    assert done.stdout.splitlines()[:3] == [f"{n} of 3 inputs of seed 5 so far, 0 failed" for n in range(3)]
    assert done.stdout.splitlines()[3].startswith("3 inputs, 0 failed")
