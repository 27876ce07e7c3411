"""Unified Procedure Step (PS3.4 CC): created, claimed, changed, ended, searched, watched, and told to subscribers."""
