"""The web door: PS3.18 over the archive. Must not know rules."""
