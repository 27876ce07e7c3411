"""The Store transaction of the Studies Service (STOW-RS, PS3.18 10.5 and Annex I): rules, mutants, probes."""
