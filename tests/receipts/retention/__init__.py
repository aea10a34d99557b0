"""Tests of receipts/retention."""
