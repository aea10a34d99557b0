"""Tests of server/workspace/settings."""
