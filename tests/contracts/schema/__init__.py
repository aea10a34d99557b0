"""Tests of contracts/schema."""
