"""Places that documents come from: folders, web pages and sites, and whatever has a scheme of its own."""
