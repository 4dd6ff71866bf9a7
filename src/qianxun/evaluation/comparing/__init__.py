"""Whether one way of searching is better than another, and what each stage is worth."""
