"""Rows as pages, commands and chores ask for them: one module for each table."""
