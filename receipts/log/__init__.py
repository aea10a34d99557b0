"""The log: a Merkle tree of statements, the keys that sign it, and the head that is remembered."""
