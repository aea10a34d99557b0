"""Tests of server/approvals."""
