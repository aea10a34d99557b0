"""Tests of receipts/journal."""
