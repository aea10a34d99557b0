"""Tests of contracts/action."""
