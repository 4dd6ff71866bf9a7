"""The Model Context Protocol: search, answers and documents as tools that an assistant may call, over stdio and HTTP.

`tools` says what can be called, `words` how it reads, `server` speaks the protocol, `doors` are where clients come in.
"""
