"""Tests of server/actions."""
