"""Carrying an action through: the pipeline, MCP, the command line."""
