-- name: expiringCardEmail
-- Cards that expire soon and that something will be charged to: a subscription that is active, trialing or past
-- due, charged to it by its own default or else by its customer's (docs.stripe.com/api/subscriptions/object,
-- default_payment_method), and not ending before the card does. Rides card_expiry, subscription_card and
-- customer_card. One that lies dead waits for a person.
select jsonb_build_object('cardId', due.id) as payload,
  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,
  due.id as subject,
  'the card expires at the end of ' || due.month || ' and backs ' || due.backed as why
from (
  select c.id, c.customer_id, u.team_id, b.backed,
    to_char(c.exp_year, 'FM0000') || '-' || to_char(c.exp_month, 'FM00') as month
  from evenfall.card c
  left join evenfall.customer u on u.id = c.customer_id
  cross join lateral (
    select string_agg(s.id, ' ' order by s.id) as backed
    from (
      select s.* from evenfall.subscription s where s.default_payment_method = c.id
      union all
      select s.* from evenfall.customer p join evenfall.subscription s on s.customer_id = p.id
      where p.default_payment_method = c.id and s.default_payment_method is null
    ) s
    where s.status in ('active', 'trialing', 'past_due') and not s.gone and not s.cancel_at_period_end
      and (s.cancel_at is null or s.cancel_at > greatest(c.expires_at, s.current_period_end))
  ) b
  where not c.detached and b.backed is not null
    and c.expires_at > @now::timestamptz
    and evenfall.card_expiry(c.expires_at, @card_window::text, @now::timestamptz) = 'due'
) due
where not exists (
    select from evenfall.notice n
    where n.kind = 'expiring-card' and n.subject = 'card:' || due.id and n.occasion = due.month)
  and not exists (
    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id
    where d.resolved_at is null and d.kind = 'expiring-card-email'
      and j.payload @> jsonb_build_object('cardId', due.id))
order by due.month, due.id;
