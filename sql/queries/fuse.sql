-- name: blownFuse
-- Since when a kind's fuse is blown, and by what.
select blown_at as "blown_at!", blown_by as "blown_by!" from evenfall.fuse where kind = @kind and blown_at is not null;
