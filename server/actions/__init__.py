"""Actions: the path of one, and the recovery of those whose process ended."""
