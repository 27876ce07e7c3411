"""C-GET and C-MOVE of the Query/Retrieve Service Class (PS3.4 C.4.2, C.4.3): rules, mutants, probes."""
