"""What PS3.18 says of messages, payloads and media types in general that no rule can find broken, and why.

Must not know services.
"""

from __future__ import annotations

from harness.rule import untested

_ALLOWED = "a permission: who makes use of it and who does not are both right"
_WRITTEN = "a matter of the conformance statement, which is read beside the run"

for _id in ("8.3-3", "8.5-3", "8.5-11", "8.6.1.1-3", "8.6.1.2-4", "8.6.1.2-8"):
    untested(f"PS3.18-{_id}", why=_ALLOWED)
untested("PS3.18-8.7.3.3.2-4", why="the older names are taken for the newer ones by every rule on media types")
untested("PS3.18-8.7.3.4-2", why="the strict reader takes UN for any VR, so that no rule can find this broken")
for _id in ("6-2", "8.3-5", "8.7.3.5.2-5", "10.4.5-1"):
    untested(f"PS3.18-{_id}", why=_WRITTEN)
