"""The machine: evidence, rules, judgement, records, targets, talk and strict readers.

Must not know any particular rule, simulator, report or command.
"""
