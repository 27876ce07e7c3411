"""Knows which demands of the Search transaction nothing verifies yet, and which known defects nothing imitates.

Must not hold rules: each line goes when its rule comes.
"""

from __future__ import annotations

from harness.rule import undetected, untested

LOOSE = "PS3.4 C.2.2.2.1.1 leaves case and accents of names to the server, and nothing declares its choice to us"

untested("PS3.18-10.6.1.2.4-1", why="repository queries are optional, and no probe sends one yet")
untested("PS3.18-10.6.5-1", why="a matter of the conformance statement, which is read beside the run")

undetected("M-QI-35", why=LOOSE)
undetected("D-QI-04", why=LOOSE)
undetected("D-QI-05", why="nothing in the standard lets us delete what is stored and look at its availability")
undetected("M-QI-45", why="a header field of a vendor's own is allowed (RFC 9110 5.1)")
