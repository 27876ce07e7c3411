"""Probes of Retrieve: what is asked of a target. Must not judge."""
