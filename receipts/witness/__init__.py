"""The witness of logs: what it has seen of each, what it cosigns, and how a log asks it."""
