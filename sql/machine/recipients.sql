-- What people say of recipients who are not written to. On the database's clock.

-- name: allowRecipient
delete from evenfall.suppressed_recipient where recipient_hash = @recipient_hash
returning why, at, clock_timestamp() as "now!";
