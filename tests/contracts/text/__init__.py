"""Tests of contracts/text."""
