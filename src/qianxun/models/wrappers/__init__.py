"""Engines around engines: each satisfies the protocol of what it wraps."""
