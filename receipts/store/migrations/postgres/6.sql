-- Version 5 to 6: what a person refused is found whatever key the caller gives the call.

CREATE INDEX actions_refused ON actions (tenant, agent, contract, held_until_ms) WHERE status = 'refused';
