"""Pages of web applications as reads and routes."""
