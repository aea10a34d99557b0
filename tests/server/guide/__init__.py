"""Tests of server/guide."""
