-- Version 7 to 8: the search values of one statement are found by it, so that an audit is linear; and so are the
-- statements by which keys, agents, halts and roles count.

CREATE INDEX search_leaf ON search (leaf_index);
CREATE INDEX statements_control ON statements (leaf_index)
WHERE kind IN ('key', 'agent', 'halt', 'role', 'tenant') OR status = 'withdrawn';
