"""Tools of upstream MCP servers as reads and routes."""
