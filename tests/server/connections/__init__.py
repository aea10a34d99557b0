"""Tests of server/connections."""
