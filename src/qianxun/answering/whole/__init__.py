"""Whole documents, read from end to end: summarized, or asked. Made of the same parts as an answer from what search
found, and checked by the same rules. `flow` is the way through; the other modules are its steps.
"""
