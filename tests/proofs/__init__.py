"""Proof files, good and bad, and what both verifiers say of them."""
