"""Reference implementations: one archive, its doors, and the oracle.

Must not know suites, reports or the front door.
"""
