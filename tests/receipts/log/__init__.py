"""Tests of receipts/log."""
