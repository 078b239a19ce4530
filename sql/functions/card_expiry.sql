-- Whether the mail about a card's expiry is due at `now`: 'due', 'early' or 'expired'. Shared by the sweep and the
-- job, as evenfall.trial_reminder is. Both boundaries are strict; an expired card is not written about.
create or replace function evenfall.card_expiry(expires_at timestamptz, card_window text, now timestamptz)
returns text language sql stable set search_path = pg_catalog, pg_temp set timezone = 'UTC' as $$
  select case
    when expires_at <= now then 'expired'
    when expires_at - card_window::interval >= now then 'early'
    else 'due'
  end
$$;
