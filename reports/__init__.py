"""Readers of one run record. Must not know anything but harness."""
