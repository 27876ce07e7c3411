"""Stands between two products: copies their octets unchanged, and forms exchanges from a copy of them.

Must not know rules, records, or what is done with the exchanges.
"""
