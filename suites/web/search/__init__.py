"""Rules of the Search transaction (QIDO-RS): PS3.18 8.3.4 and 10.6. Must not know simulators."""
