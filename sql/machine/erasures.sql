-- What people see of erasures. How one is done is in sql/queries/erasures.sql.

-- name: listErasures
-- The newest first.
select id, subject, asked_at, done_at, what, stripe, job_id from evenfall.erasure order by id desc limit @limit;
