"""Proving it: journal, log, reconciliation, receipts."""
