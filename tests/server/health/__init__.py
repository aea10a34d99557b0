"""Tests of server/health."""
