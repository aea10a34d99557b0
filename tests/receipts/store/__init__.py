"""Tests of receipts/store."""
