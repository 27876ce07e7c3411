"""Inputs: synthetic instances, queries, messages with named faults. Must not know rules or targets."""
