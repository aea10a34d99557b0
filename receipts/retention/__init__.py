"""The retention of closed actions: which may leave the store for an archive, and how they leave it."""
