"""Provoke searches of every kind and judge none. Must not know simulators."""
