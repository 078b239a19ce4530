-- What bounces and complaints change. Whoever takes one in holds the recipient first, then locks marks by id.

-- name: suppressedAmong
-- Of these recipients, those who are not written to.
select recipient_hash, why, at from evenfall.suppressed_recipient where recipient_hash = any (@recipient_hashes::text[]);

-- name: recipientOfMessage
-- To whom our mail with this Message-ID went. One that is under way, or that nobody can vouch for, has no row of its own
-- with that id yet; its effect's key is what the id is made of (src/mail/message-id.ts). Rides notice_message and
-- effect_open.
select n.recipient_hash as "recipient_hash!" from evenfall.notice n
where n.message_id = @message_id and n.recipient_hash is not null
union all
select e.evidence->>'recipientHash' from evenfall.effect e
where e.state in ('claimed', 'unknown') and e.kind like 'mail.%' and e.evidence ? 'recipientHash'
  and left(encode(sha256(convert_to(e.key, 'UTF8')), 'hex'), 40) = substring(@message_id from '^<([0-9a-f]{40})@')
limit 1;

-- name: holdRecipient
select evenfall.hold_recipient(@recipient_hash)::text as "held?";

-- name: holdRecipientOfMark
-- Of whom its notice went to, whoever sent it.
select evenfall.hold_recipient(m.recipient_hash)::text as "held?" from evenfall.mark_notice m where m.mark_id = @mark_id;

-- name: bouncedRecipientOfMark
-- Whom its notice went to, when mail does not reach them.
select s.recipient_hash from evenfall.mark_notice m
join evenfall.suppressed_recipient s on s.recipient_hash = m.recipient_hash and s.why = 'bounce'
where m.mark_id = @mark_id;

-- name: suppressRecipient
-- Once; but mail that does not arrive outweighs mail that is not wanted.
insert into evenfall.suppressed_recipient as s (recipient_hash, why, at) values (@recipient_hash, @why, @now)
on conflict (recipient_hash) do update set why = excluded.why, at = excluded.at
  where s.why = 'complaint' and excluded.why = 'bounce'
returning s.recipient_hash;

-- name: lockMarksTold
-- The marks that can still be taken back and whose notice went to the recipient, whoever acts on them being waited for.
select d.id, d.team_id from evenfall.team_deletion d
where d.id in (select m.mark_id from evenfall.mark_notice m where m.recipient_hash = @recipient_hash)
  and d.state in ('marking', 'noticed')
order by d.id for update;

-- name: noteBounced
-- Notes each mail that bounced, once: the one with that Message-ID, or where the provider names none of ours the last one
-- to the recipient; and the notice of every live mark that went to them.
with meant as (
  select n.id from evenfall.notice n where n.message_id = @message_id?
  union
  (select n.id from evenfall.notice n where n.recipient_hash = @recipient_hash and @message_id?::text is null
   order by n.at desc, n.id desc limit 1)
  union
  select m.notice_id from evenfall.mark_notice m
  where m.recipient_hash = @recipient_hash and m.state in ('marking', 'noticed', 'deleting')
), noted as (
  update evenfall.notice n set bounced_at = @now from meant where n.id = meant.id and n.bounced_at is null
  returning n.id, n.kind, n.subject, n.occasion, n.team_id
)
select noted.kind as "kind!", noted.subject as "subject!", noted.occasion as "occasion!", noted.team_id as "team_id?",
  m.mark_id as "mark_id?", m.state as "mark?"
from noted left join evenfall.mark_notice m on m.notice_id = noted.id
order by noted.id;

-- name: noteComplained
-- The same of the mail that was complained of.
update evenfall.notice n set complained_at = @now
where n.complained_at is null and n.id in (
  select by_id.id from evenfall.notice by_id where by_id.message_id = @message_id?
  union
  (select last.id from evenfall.notice last where last.recipient_hash = @recipient_hash and @message_id?::text is null
   order by last.at desc, last.id desc limit 1))
returning n.kind, n.subject, n.occasion, n.team_id;
