"""The labelled set for the citation checker: sources, true sentences, altered ones. Its door is `items`."""
