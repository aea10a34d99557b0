"""Tests of adapters/sandbox."""
