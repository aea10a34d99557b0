"""The MCP server: its endpoint, tools, tasks, resources."""
