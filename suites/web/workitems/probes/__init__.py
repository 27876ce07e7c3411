"""Provoke the life of workitems, searches for them, and events about them; judge none. Must not know simulators."""
