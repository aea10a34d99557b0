"""Tests of receipts/reconciliation."""
