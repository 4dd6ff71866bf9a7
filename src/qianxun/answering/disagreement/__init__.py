"""Sources that give different values for what was asked: a conflict that is named, or a question back."""
