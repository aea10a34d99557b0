"""Tests of contracts/compiler."""
