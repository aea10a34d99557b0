-- Version 9 to 10: what an action does to whom is a sentence in its row, and lists of actions are found by their words.

ALTER TABLE actions ADD COLUMN kind TEXT NOT NULL DEFAULT '';
ALTER TABLE actions ADD COLUMN risk TEXT NOT NULL DEFAULT '';
ALTER TABLE actions ADD COLUMN says TEXT NOT NULL DEFAULT '';
UPDATE actions SET kind = coalesce(convert_from(request, 'UTF8')::json ->> 'kind', ''), risk = coalesce(convert_from(request, 'UTF8')::json ->> 'risk', '');
CREATE INDEX actions_listed ON actions (tenant, id);
CREATE INDEX actions_at ON actions (tenant, created_ms);
CREATE INDEX actions_status ON actions (tenant, status, id);
CREATE INDEX actions_agent ON actions (tenant, agent, id);
CREATE INDEX actions_person ON actions (tenant, person, id);
CREATE INDEX actions_contract ON actions (tenant, contract, id);
CREATE INDEX actions_connection ON actions (tenant, connection, id);
CREATE INDEX approvals_by ON approvals (person, action_id);
DROP INDEX statements_time;
CREATE INDEX statements_time ON statements (tenant, at_ms, kind, status);
CREATE INDEX statements_listed ON statements (tenant, leaf_index);
CREATE INDEX statements_agent ON statements (tenant, agent, leaf_index);
CREATE INDEX statements_contract ON statements (tenant, contract, leaf_index);
CREATE INDEX statements_status ON statements (tenant, status, leaf_index);

-- The words of sentences, and with `=` before them the names of records and people. Erased with its action.
CREATE TABLE action_words (
  tenant TEXT NOT NULL,
  word TEXT COLLATE "C" NOT NULL,
  action_id TEXT NOT NULL,
  PRIMARY KEY (tenant, word, action_id)
);
CREATE INDEX action_words_action ON action_words (action_id);
