-- A dry run is one transaction, which is rolled back; a job's own transactions in it are savepoints.

-- name: savepoint
savepoint evenfall;

-- name: rollBackToSavepoint
rollback to savepoint evenfall;
