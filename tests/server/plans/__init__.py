"""Tests of server/plans."""
