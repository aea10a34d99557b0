"""Files that people write: read whole, as the YAML documents that they are."""
