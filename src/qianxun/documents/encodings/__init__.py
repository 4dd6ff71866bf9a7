"""Which encoding bytes are in: letters of each writing, how well a text reads in it, and the judgement of a whole file.

Knows bytes and characters, no file and no setting.
"""
