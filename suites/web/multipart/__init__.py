"""Rules of PS3.18 8.6.1 and 8.7.1 on multipart answers. Must not know simulators."""
