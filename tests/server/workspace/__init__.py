"""Tests of server/workspace."""
