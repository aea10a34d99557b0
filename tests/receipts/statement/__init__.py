"""Tests of receipts/statement."""
