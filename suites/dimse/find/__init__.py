"""C-FIND of the Query/Retrieve Service Class (PS3.4 C.4.1, C.6): rules, mutants, probes."""
