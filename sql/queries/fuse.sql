-- name: blownFuse
-- Since when a kind's fuse is blown, and by what.
select blown_at as "blown_at!", blown_by as "blown_by!" from evenfall.fuse where kind = @kind and blown_at is not null;

-- name: roomInFuse
-- How long a job whose turn comes later waits (sql/functions/fuse.sql).
select extract(epoch from
  evenfall.room_in_fuse(@kind, 'team:' || @team_id::text, evenfall.team_fuse_limit(@fuse_max, @fuse_share))
  - clock_timestamp())::float8 * 1000 as "in_ms?";
