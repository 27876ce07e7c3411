"""Data sets, levels, matching and storage. Must not know HTTP, DIMSE or any transport."""
