"""Exports: batches of the log, their lines and events."""
