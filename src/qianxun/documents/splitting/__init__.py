"""How cleaned blocks become chunks: what structure they have, what may not be cut, and how pieces are packed.

`qianxun.documents.split` is the door of this room.
"""
