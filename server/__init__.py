"""Carrying an action through: the runner, MCP, the command line."""
