"""The fault matrix: the gateway's process dies or freezes at every named point; the targets' own state must be right."""
