"""The console: approvals that people can give, receipts that people can read. See README.md in the package above."""
