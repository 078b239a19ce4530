-- What erasing a person asks. Rows are locked in the order erasure, what is erased, job.

-- name: askErasure
-- In the transaction that deletes a user: the keyed hash of the address, which no later step could work out, those of
-- these customers that have this very address, and the job that erases by them.
with asked as (
  insert into evenfall.erasure (subject, asked_at, recipient_hashes, customer_ids)
  values ('user:' || @user_id::text, @now, @recipient_hashes, array(
    select c.id from evenfall.customer c
    where c.id = any (@customer_ids::text[]) and c.email_hash = any (@recipient_hashes::text[]) order by c.id))
  returning id
)
select id as "id!", evenfall.enqueue('erase-person', jsonb_build_object('userId', @user_id::text)) as "job_id!" from asked;

-- name: adoptErasures
-- Open askings about this person that nobody is at, and those of this very job: its own from here on. Locks them, in
-- order; rides erasure_open.
update evenfall.erasure set job_id = coalesce(@job_id?::bigint, job_id)
where id in (
  select e.id from evenfall.erasure e
  where e.subject = 'user:' || @user_id::text and e.done_at is null
    and (e.job_id = @job_id? or not exists (
      select from evenfall.job j
      where j.id = e.job_id and j.state in ('queued', 'dispatched', 'running', 'parked')))
  order by e.id for update)
returning id, recipient_hashes, customer_ids;

-- name: openErasure
-- An asking that no deletion has written down, of the time when its job was asked for.
insert into evenfall.erasure (subject, asked_at, job_id)
select 'user:' || @user_id::text,
  coalesce((select j.created_at from evenfall.job j where j.id = @job_id?), @now), @job_id?
returning id, recipient_hashes, customer_ids;

-- name: personToErase
-- The user as the app has it; no row when it is gone. Rides the app's own primary key.
select u.email as "email?", u.stripe_customer_id as "stripe_customer_id?" from evenfall.app_user u
where u.id = @user_id::text::evenfall.app_user_id;

-- name: hashesOfUser
-- The addresses at which mails have reached the user, of whatever time. The second part is for rows of older releases;
-- it rides notice_once.
select n.recipient_hash as "hash!" from evenfall.notice n where n.user_id = @user_id and n.recipient_hash is not null
union
select n.recipient_hash from evenfall.notice n
where n.kind = 'account-deactivated' and n.subject = 'user:' || @user_id::text and n.recipient_hash is not null;

-- name: carryErasure
-- What the person is found by is kept from the first look on: the app may delete the row before the second.
update evenfall.erasure set recipient_hashes = @recipient_hashes, customer_ids = @customer_ids
where id = any (@ids::bigint[])
returning id;

-- name: unmirroredCustomers
select c.id as "id!" from unnest(@customer_ids::text[]) as c (id)
where not exists (select from evenfall.customer m where m.id = c.id) order by c.id;

-- name: customersOfPerson
-- Of these customers, whether others use them too: another user, or a team that is not the person's alone (an invitation
-- counts).
select c.id as "id!",
  exists (
    select from evenfall.app_user u
    where u.stripe_customer_id = c.id and u.id <> @user_id::text::evenfall.app_user_id)
  or exists (
    select from evenfall.app_team t
    where (t.stripe_customer_id = c.id or t.id = evenfall.team_of_customer(c.id, coalesce(
        @named_team?, (select m.team_id from evenfall.customer m where m.id = c.id)))::evenfall.app_team_id)
      and (t.owner_id is distinct from @user_id::text::evenfall.app_user_id or exists (
        select from evenfall.app_membership m
        where m.team_id = t.id and m.user_id is distinct from t.owner_id))) as "is_shared!"
from unnest(@customer_ids::text[]) as c (id) order by c.id;

-- name: hashesOfCustomers
select distinct email_hash as "hash!" from evenfall.customer
where id = any (@customer_ids::text[]) and email_hash is not null;

-- name: mailUnderWay
-- One to these addresses that is claimed and not settled. Rides effect_recipient.
select key from evenfall.effect
where evidence ? 'recipientHash' and evidence->>'recipientHash' = any (@recipient_hashes::text[]) and state = 'claimed'
limit 1;

-- name: eraseMails
-- Both rows of a mail stay, as the fact that it was sent; that an address cannot be reached goes. Rides notice_recipient and
-- effect_recipient.
with notices as (
  update evenfall.notice set recipient_hash = null
  where recipient_hash is not null and recipient_hash = any (@recipient_hashes::text[])
  returning id
), effects as (
  update evenfall.effect set evidence = evidence - 'recipientHash'
  where evidence ? 'recipientHash' and evidence->>'recipientHash' = any (@recipient_hashes::text[])
  returning id
), suppressions as (
  delete from evenfall.suppressed_recipient where recipient_hash = any (@recipient_hashes::text[])
  returning recipient_hash
)
select (select count(*) from notices)::int as "notices!", (select count(*) from effects)::int as "effects!",
  (select count(*) from suppressions)::int as "suppressions!";

-- name: eraseCustomers
-- The person's own, and whichever else has the address; from here on the mirror does not take it up again.
update evenfall.customer set email_hash = null, erased_at = @now
where erased_at is null and (id = any (@customer_ids::text[])
  or (email_hash is not null and email_hash = any (@recipient_hashes::text[])))
returning id;

-- name: eraseCards
-- A statement of its own, after the customers: it sees what whoever mirrored them at that moment has written. What a card
-- is due by stays. Rides card_customer.
update evenfall.card set brand = null, last4 = null
where customer_id = any (@customer_ids::text[]) and (brand is not null or last4 is not null)
returning id;

-- name: noteErased
-- In the transaction that erases. Counts add up over the runs of a job, and what has served goes.
update evenfall.erasure e
set recipient_hashes = '{}',
  what = (select jsonb_object_agg(c.key, coalesce((e.what->>c.key)::int, 0) + c.value::int)
    from jsonb_each_text(@counts) c)
where e.id = any (@ids::bigint[])
returning e.id, e.what as "what!";

-- name: endErasures
update evenfall.erasure set done_at = @now, stripe = @stripe where id = any (@ids::bigint[]) and done_at is null
returning id;
