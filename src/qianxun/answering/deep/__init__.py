"""A question that asks for several things, divided into sub-questions that are searched one by one, answered together.

`rules` and `planning` divide it, `flow` is the way through.
"""
