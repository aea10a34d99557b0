"""One action as the journal keeps it, and what its agent is told."""
