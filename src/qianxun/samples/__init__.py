"""Sample documents of one invented company, with questions and their answers.

See ``README.md`` beside this file for what each document is for.
"""
