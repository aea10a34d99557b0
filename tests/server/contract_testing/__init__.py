"""Tests of server/contract_testing."""
