-- Version 15 to 16: a proof finds the release of its time without reading what came after it.

CREATE INDEX statements_release ON statements (leaf_index) WHERE kind = 'release';
