"""Tests of receipts/coverage."""
