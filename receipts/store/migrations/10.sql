-- Version 9 to 10: that an end was asked for, that a notice was given up, and that an escalation went on to the next
-- route are columns; they were times that mean nothing.

ALTER TABLE actions ADD COLUMN cancel_requested_ms INTEGER;
UPDATE actions SET cancel_requested_ms = updated_ms, expires_ms = 0 WHERE expires_ms = 1 AND plan IS NOT NULL;
ALTER TABLE notices ADD COLUMN failed_ms INTEGER;
UPDATE notices SET failed_ms = created_ms, next_ms = created_ms WHERE next_ms = 4503599627370496;
ALTER TABLE escalations ADD COLUMN handed_on_ms INTEGER;
UPDATE escalations SET handed_on_ms = created_ms, next_ms = created_ms WHERE next_ms = 4503599627370496;
