"""Coverage: the audit log of a target, matched one to one with what receipts say was changed there."""
