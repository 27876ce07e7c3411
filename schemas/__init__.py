"""Knows data only: schemas, requirement inventories and tables of the standard. Must not know any other folder."""
