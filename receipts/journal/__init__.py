"""The journal: every transition of every action, and what stands beside the actions."""
