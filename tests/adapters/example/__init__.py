"""Tests of adapters/example."""
