"""Rules of PS3.18: one file or folder for each service. Must not know simulators."""
