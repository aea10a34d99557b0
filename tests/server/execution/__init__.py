"""Tests of server/execution."""
