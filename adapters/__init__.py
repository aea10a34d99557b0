"""Doing it: adapters that observe and execute."""
