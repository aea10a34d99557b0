"""Agents and their tokens."""
