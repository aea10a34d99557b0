"""Proving it to others: proof files, verification, audit, search."""
