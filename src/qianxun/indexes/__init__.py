"""Derived indexes, one file per engine; the only place where engines are imported, at first use."""
