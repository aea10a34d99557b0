"""Whether it may be done: Cedar decisions and approvals."""
