"""Question sets from a user's own documents: proposed, reviewed, frozen."""
