-- Held to the end of the transaction by whoever takes in that a recipient's mail bounced, and by whoever starts the clock
-- of a mark whose notice went to them: one of the two sees what the other has written. Taken before any mark.
create or replace function evenfall.hold_recipient(recipient_hash text) returns void
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select pg_advisory_xact_lock(hashtext('evenfall recipient'), hashtext($1))
$$;

-- Each mark with the mail that told of it, whose occasion is the date that it prints. From a mark it rides notice_once,
-- from a recipient notice_recipient and team_deletion_team.
create or replace view evenfall.mark_notice (mark_id, team_id, state, notice_id, recipient_hash) as
select d.id, d.team_id, d.state, n.id, n.recipient_hash
from evenfall.team_deletion d
join evenfall.notice n on n.kind = 'deletion-notice' and n.subject = 'team:' || d.team_id and n.team_id = d.team_id
  and n.occasion = to_char(d.announced_delete_at at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"');
