"""Rules of PS3.18 8.1 and 8.4 to 8.6 that hold for any request and answer. Must not know services."""
