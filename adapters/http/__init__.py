"""HTTP APIs as reads and routes."""
