"""Tests of adapters/audit_log."""
