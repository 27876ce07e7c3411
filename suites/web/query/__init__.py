"""Rules of PS3.18 8.3 and 8.3.1 on the query component. Must not know simulators."""
