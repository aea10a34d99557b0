-- Version 11 to 12: budgets count what all agents of a tenant sent.

CREATE INDEX actions_sent ON actions (tenant, contract, sent_ms) WHERE sent_ms > 0;
