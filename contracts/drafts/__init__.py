"""Drafts of contracts, from curl lines, API descriptions and tools of MCP servers."""
