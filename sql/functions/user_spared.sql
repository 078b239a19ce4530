-- Why a user who never verified the address is not deleted, at whatever age: seen before, or tied to the app by a
-- customer, a team or a membership (an invitation is one); null when nothing speaks for the user. Shared by the
-- sweep and by the job, which asks it again under lock.
create or replace function evenfall.user_spared(user_id text) returns text
language sql stable set search_path = pg_catalog, pg_temp as $$
  select case
    when u.last_seen_at is not null then 'has logged in'
    when u.stripe_customer_id is not null then 'has a Stripe customer'
    when exists (select from evenfall.app_team t where t.owner_id = u.id) then 'owns a team'
    when exists (select from evenfall.app_membership m where m.user_id = u.id) then 'is a member of a team, or invited'
  end
  from evenfall.app_user u where u.id = $1::evenfall.app_user_id
$$;

-- Whether the app has refused to let the user go, and that still counts at `now`: for so long from when it was told,
-- strictly. It is kept in the history alone; where that is forgotten, the app is asked anew. Rides history_subject.
create or replace function evenfall.user_vetoed(user_id text, now timestamptz, lasts interval) returns boolean
language sql stable set search_path = pg_catalog, pg_temp as $$
  select exists (
    select from evenfall.history h
    where h.subject = 'user:' || $1 and h.what = 'user.spared' and h.detail->>'who' = 'app' and h.at + $3 > $2)
$$;
