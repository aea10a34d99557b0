"""Tests of server/workspace/library."""
