"""Questions to passages: understand, search every index, fuse, explain."""
