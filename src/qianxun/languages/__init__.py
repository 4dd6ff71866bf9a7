"""Translations of every message, one file per language."""
