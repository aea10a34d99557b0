"""Tests of server/listener."""
