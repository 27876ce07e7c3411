"""DIMSE (PS3.7, PS3.8, PS3.4): rules, mutants and probes for the upper layer, messages and services."""
