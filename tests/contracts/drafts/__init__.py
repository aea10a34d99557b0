"""Tests of contracts/drafts."""
