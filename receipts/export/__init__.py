"""Statements as other systems take them: the next ones of the log, as signed envelopes or as events of OCSF."""
