"""One file per kind of document; the only place where format libraries are imported, inside functions."""
