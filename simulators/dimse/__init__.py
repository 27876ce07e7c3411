"""Knows the archive's DIMSE door: associations, services and their answers. Must not know HTTP or rules."""
