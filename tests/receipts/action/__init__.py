"""Tests of receipts/action."""
