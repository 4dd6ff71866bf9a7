"""The rules that tell whether a source bears a sentence: for the citations of answers, and for scoring answers.

`bearing.judge` compares two texts, `spans.best_span` finds what bears a sentence in a passage, `unknown.unknown_facts`
names what occurs nowhere. Rules for Chinese and English; this room knows no model, no document and no answer.
"""
