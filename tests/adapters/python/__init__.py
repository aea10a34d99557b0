"""Tests of adapters/python."""
