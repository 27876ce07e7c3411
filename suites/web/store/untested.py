"""Knows which demands of the Store transaction nothing verifies yet, and which known defects nothing imitates.

Must not hold rules: each line goes when its rule comes.
"""

from __future__ import annotations

from harness.rule import undetected, untested

USER_AGENT = "binds the user agent; judged once requests of clients are observed"
SEPARATE = "needs a Store request of metadata and bulk data in separate parts, which no probe sends yet"
CONSUMER = "needs a Store request with pixel data in a consumer media type (Table 10.5.2-1), which no probe sends yet"

untested("PS3.18-10.5.1.2-1", why=USER_AGENT)
untested("PS3.18-10.5.1.3-1", why=USER_AGENT)
untested("PS3.18-10.5.1.4-2", why=USER_AGENT)
untested("PS3.18-10.5.1.4-3", why=SEPARATE)
untested("PS3.18-10.5.1.4-4", why=SEPARATE)
untested("PS3.18-10.5.1.4-5", why=SEPARATE)
untested("PS3.18-10.5.1.4-6", why=SEPARATE)
untested("PS3.18-10.5.1.4-7", why=SEPARATE)
untested("PS3.18-10.5.1.4-8", why=SEPARATE)
untested("PS3.18-10.5.1.4-9", why=CONSUMER)
untested("PS3.18-10.5.2-4", why=CONSUMER)
untested("PS3.18-10.5.2-5", why=CONSUMER)
untested("PS3.18-10.5.2-6", why=CONSUMER)
untested("PS3.18-10.5.2-7", why=CONSUMER)
untested("PS3.18-10.5.5-1", why="a matter of the conformance statement, which is read beside the run")

undetected("M-ST-15", why=SEPARATE)
undetected("M-ST-17", why=SEPARATE)
undetected("M-ST-24", why="needs the conformance statement to compare with")
undetected("D-ST-01", why=SEPARATE)
undetected("D-ST-02", why=SEPARATE)
