"""Strict sans-IO readers of what goes over a wire; each finds flaws with their place.

Must not share code with anything that writes (simulators), nor know rules.
"""
