"""Credentials by reference: what a reference looks like, where secrets are read, how long a value is kept."""
