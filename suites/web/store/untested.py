"""Knows which demands of the Store transaction nothing verifies yet, and which known defects nothing imitates.

Must not hold rules: each line goes when its rule comes.
"""

from __future__ import annotations

from harness.rule import undetected, untested

untested("PS3.18-10.5.5-1", why="a matter of the conformance statement, which is read beside the run")

undetected("M-ST-24", why="needs the conformance statement to compare with")
