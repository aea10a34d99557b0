"""The audit logs of target systems, read page by page in each vendor's own shape."""
