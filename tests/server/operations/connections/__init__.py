"""Tests of server/operations/connections."""
