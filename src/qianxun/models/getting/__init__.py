"""Models from their hubs onto this machine, and what is here."""
