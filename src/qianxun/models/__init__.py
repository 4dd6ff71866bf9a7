"""Encoders, rerankers and generators, each behind its protocol."""
