"""Asking a target: sockets, deadlines, caps. Must not know rules."""
