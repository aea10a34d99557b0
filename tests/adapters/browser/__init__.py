"""Tests of adapters/browser that need no browser."""
