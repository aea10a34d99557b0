"""Signed statements: what each kind says, the evidence beside them, and what the log says by them."""
