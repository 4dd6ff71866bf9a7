"""The command line: one file per command. Knows the knowledge base, no engine."""
