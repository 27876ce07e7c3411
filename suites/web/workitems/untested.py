"""Knows which demands of the Worklist service nothing verifies on origin servers, and which defects nothing imitates.

Must not hold rules: each line goes when its rule comes.
"""

from __future__ import annotations

from harness.rule import undetected, untested

untested("PS3.18-8.10.2-1", why="a matter of the conformance statement, which is read beside the run")
untested("PS3.18-11.2-1", why="a product need not say which UPS SOP Classes its transactions stand for")
untested("PS3.18-11.2-2", why="a matter of the conformance statement, and of the capabilities, judged by their rules")
untested("PS3.18-11.5.2-3", why="what a server may refuse is accepted by every rule on workitems that are over")
untested("PS3.18-11.6.3.2-2", why="no attribute is surely one that a server does not support")
untested("PS3.18-11.9.3.1-2", why="a partial answer is allowed, and no server can be made to give one")

undetected("M-UP-09", why="Retrieve URL is no attribute of a workitem in Table CC.2.5-3")
undetected("M-UP-13", why="the URLs of older editions are no demand of those judged against")
