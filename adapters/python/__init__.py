"""Adapters in Python as reads and routes, in processes of their own."""
