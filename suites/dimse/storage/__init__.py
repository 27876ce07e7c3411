"""The Storage Service Class (PS3.4 Annex B, GG): rules, mutants, probes."""
