"""The Retrieve Capabilities transaction (PS3.18 8.9, Annexes G and H): rules, mutants, probes."""
