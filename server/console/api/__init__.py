"""The HTTP API by which programs of auditors and security teams read receipts."""
