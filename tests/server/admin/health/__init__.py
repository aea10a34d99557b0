"""Tests of server/admin/health."""
