-- Version 3 to 4: an action's open intent is found at once, however many others are open.

DROP INDEX intents_open;
CREATE INDEX intents_open ON intents (action_id) WHERE state = 'intent';
