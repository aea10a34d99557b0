"""Files with closed actions that left the store: their format, and their reading."""
