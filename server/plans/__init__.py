"""Plans: looked at as a whole, run step by step, undone where they fail."""
