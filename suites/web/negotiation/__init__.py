"""Rules of PS3.18 8.7 and 8.8 on content negotiation. Must not know simulators."""
