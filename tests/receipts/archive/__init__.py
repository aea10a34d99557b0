"""Tests of receipts/archive."""
