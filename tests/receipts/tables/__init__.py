"""Tests of receipts/tables."""
