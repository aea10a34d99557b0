"""What was expected, compared with what the source of truth says afterwards. Pure."""
