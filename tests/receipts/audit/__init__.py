"""Tests of receipts/audit."""
