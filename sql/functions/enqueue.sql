-- The one door for work. Writes a queued row in the caller's transaction and returns its id; a rollback
-- leaves nothing. SECURITY DEFINER, so that a role with EXECUTE on this function alone can enqueue and
-- touch nothing else. lock_timeout is its own, because it runs inside the app's transaction: another open
-- transaction that holds the same key makes it fail after three seconds instead of hanging.
--
-- A live job with the same kind and key: the same payload returns its id, and when that job is already
-- running it runs once more afterwards. Another payload is refused with EF409, unless the kind declares
-- what wins, and that is not wanted later than what it replaces: "at period end, at once" and "now, next
-- week" have no job in common. A job that was withdrawn while it runs binds nobody: what is asked for then
-- stands, and is run. The live row is locked, so that it cannot start before this transaction has committed
-- what the job is to see.
--
-- Raises EF404 unknown kind, EF422 wrong payload, key, time or team, EF409 live key with another payload,
-- 42501 kind not granted to the caller.
create or replace function evenfall.enqueue(
  kind     text,
  payload  jsonb default '{}',
  key      text default null,
  run_at   timestamptz default null,
  team_id  text default null,
  priority int default 0
) returns bigint
language plpgsql security definer
set search_path = pg_catalog, pg_temp
set lock_timeout = '3s'
-- the days of give_up_after have 24 hours, wherever the caller lives
set timezone = 'UTC'
as $$
#variable_conflict use_column
declare
  definition evenfall.job_kind;
  asked      alias for $2;
  the_key    text := $3;
  asked_at   timestamptz := clock_timestamp();
  wanted_at  timestamptz := coalesce($4, asked_at);
  the_team   text := $5;
  from_where text := coalesce(nullif(current_setting('evenfall.source', true), ''), 'sql');
  problem    text;
  new_id     bigint;
  live       evenfall.job;
  standing   jsonb;
  stands_for timestamptz;
  winner     jsonb;
  version    int;
begin
  select * into definition from evenfall.job_kind k where k.kind = $1;
  if not found then
    raise exception 'evenfall: there is no job kind %', quote_literal($1)
      using errcode = 'EF404', hint = 'select kind, summary from evenfall.job_kind lists them.';
  end if;

  perform evenfall.require_grant($1);

  problem := coalesce(
    evenfall.payload_problem(definition.payload_schema, asked),
    evenfall.id_problem(definition.payload_schema, asked));
  if problem is not null then
    raise exception 'evenfall: payload of %: %', $1, problem
      using errcode = 'EF422', column = split_part(problem, ':', 1);
  end if;

  the_key := coalesce(the_key, evenfall.default_key(definition.key_fields, asked));
  if the_key is not null and (the_key = '' or char_length(the_key) > 512) then
    raise exception 'evenfall: key of %: must be 1 to 512 characters', $1
      using errcode = 'EF422', column = 'key';
  end if;
  if $5 = '' or char_length($5) > 255 then
    raise exception 'evenfall: team_id of %: must be 1 to 255 characters', $1
      using errcode = 'EF422', column = 'team_id';
  end if;
  -- both are kept in many places: what names a person belongs into the app's own tables (P7)
  if $3 ~ '[^[:space:]@]@[^[:space:]@]+[.][^[:space:]@]' then
    raise exception 'evenfall: key of %: must not hold an e-mail address', $1
      using errcode = 'EF422', column = 'key';
  end if;
  if $5 ~ '[^[:space:]@]@[^[:space:]@]+[.][^[:space:]@]' then
    raise exception 'evenfall: team_id of %: must not hold an e-mail address', $1
      using errcode = 'EF422', column = 'team_id';
  end if;
  if not isfinite(wanted_at) then
    raise exception 'evenfall: run_at of %: must be a point in time', $1
      using errcode = 'EF422', column = 'run_at';
  end if;
  if the_team is null and definition.team_field is not null then
    the_team := asked->>definition.team_field;
  end if;

  loop
    insert into evenfall.job
      (kind, queue, payload, payload_version, key, team_id, priority, due, run_at, deadline_at, source)
    values
      ($1, definition.queue, asked, definition.payload_version, the_key, the_team, coalesce($6, 0),
       wanted_at <= clock_timestamp(), wanted_at, greatest(wanted_at, asked_at) + definition.give_up_after,
       from_where)
    on conflict (kind, key)
      where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing
    returning id into new_id;
    exit when found;

    select * into live from evenfall.job j
      where j.kind = $1 and j.key = the_key and j.state in ('queued', 'dispatched', 'running', 'parked')
      for update;
    -- it ended while we waited for its lock: the key is free again
    continue when not found;

    -- what stands, and for when: null is at once, as is a retry, whose time nobody asked for
    standing := case when live.cancel_requested then asked else coalesce(live.rerun_payload, live.payload) end;
    stands_for := case
      when live.state = 'running' then live.rerun_at
      when live.state = 'queued' and live.attempts = 0 then live.run_at end;
    winner := evenfall.winning_payload(definition.precedence, standing, asked);
    -- two askings of the same hour, or by two clocks, are never quite as late as each other
    if winner is null or (standing <> asked and case
      when winner = asked then wanted_at > greatest(stands_for, asked_at) + interval '1 minute'
      else stands_for > greatest(wanted_at, asked_at) + interval '1 minute' end)
    then
      raise exception 'evenfall: a live % with key % has another payload (job %)', $1, the_key, live.id
        using errcode = 'EF409', hint = 'Cancel it with evenfall.cancel(kind, key), or use another key.';
    end if;
    -- a payload of a newer release must not meet an older worker
    version := case when winner = asked then greatest(live.payload_version, definition.payload_version)
      else live.payload_version end;

    if live.state = 'running' then
      -- a time that has passed counts from here, or the run to come would have no days left to retry in
      update evenfall.job j
        set rerun_payload = winner, payload_version = version, cancel_requested = false,
            rerun_at = least(coalesce(j.rerun_at, 'infinity'), greatest(wanted_at, asked_at))
        where j.id = live.id;
    else
      -- a retry keeps its back-off; a job that only waits for its date comes forward when asked sooner. The
      -- insert above has knocked at the dispatcher's door, though it found the key taken
      update evenfall.job j
        set payload = winner, payload_version = version, cancel_requested = false,
            run_at = case when j.state = 'queued' and j.attempts = 0
              then least(j.run_at, wanted_at) else j.run_at end,
            due = j.state = 'queued' and (j.due or (j.attempts = 0 and wanted_at <= clock_timestamp()))
        where j.id = live.id
          and (j.payload <> winner or j.payload_version <> version or j.cancel_requested
            or (j.state = 'queued' and j.attempts = 0 and wanted_at < j.run_at));
    end if;
    return live.id;
  end loop;

  return new_id;
end $$;

-- Which payload stands when a live key is asked for again: the same one; by the kind's precedence the
-- stronger one when nothing but that field differs; null when neither, which is a conflict.
create or replace function evenfall.winning_payload(precedence jsonb, live jsonb, asked jsonb)
returns jsonb language sql immutable parallel safe set search_path = pg_catalog, pg_temp as $$
  select case
    when live = asked then live
    when precedence is null then null
    else (
      select case when array_position(ranks, asked->>field) > array_position(ranks, live->>field) then asked else live end
      from (
        select p.key as field, array(select jsonb_array_elements_text(p.value)) as ranks
        from jsonb_each(precedence) p limit 1
      ) rule
      where live - field = asked - field
        and array_position(ranks, asked->>field) is not null
        and array_position(ranks, live->>field) is not null
    )
  end
$$;

-- An id that the app's own id type cannot hold is refused here, at the door: once inside, it would abort
-- a sweep that joins it to the app's primary key. So is one that the type would write otherwise: "007" and
-- "+7" are team 7 under other keys, and a varchar(n) would cut a long id down to another team's.
create or replace function evenfall.id_problem(schema jsonb, payload jsonb)
returns text language plpgsql stable set search_path = pg_catalog, pg_temp as $$
declare
  field text; domain_name text; written text;
begin
  for field, domain_name in
    select p.key, case p.value->>'format' when 'team-id' then 'app_team_id' else 'app_user_id' end
    from jsonb_each(schema->'properties') p
    where p.value->>'format' in ('team-id', 'user-id') and payload ? p.key
  loop
    begin
      execute format('select (%L::evenfall.%I)::text', payload->>field, domain_name) into written;
    exception when data_exception or integrity_constraint_violation then
      return format('%s: is not an id of the app (%s)', field,
        (select format_type(t.typbasetype, t.typtypmod) from pg_type t
          where t.oid = to_regtype('evenfall.' || domain_name)));
    end;
    if written <> payload->>field then
      return format('%s: the app writes this id %s', field, written);
    end if;
  end loop;
  return null;
end $$;

-- A kind that was granted to certain roles is theirs alone (and the owner's). A kind without a grant is
-- open to whoever may execute the function at all.
create or replace function evenfall.require_grant(kind text) returns void
language plpgsql stable set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  -- SET ROLE does not change session_user, and inside SECURITY DEFINER current_user is the owner
  caller name := coalesce(nullif(current_setting('role'), 'none'), session_user);
begin
  if exists (select from evenfall.job_kind_grant g where g.kind = $1)
    and not exists (select from evenfall.job_kind_grant g where g.kind = $1 and pg_has_role(caller, g.role, 'member'))
    and not pg_has_role(caller, current_user, 'member')
  then
    raise exception 'evenfall: role % may not enqueue or cancel %', caller, $1
      using errcode = '42501', hint = 'insert into evenfall.job_kind_grant (kind, role) grants it.';
  end if;
end $$;

revoke all on function evenfall.enqueue(text, jsonb, text, timestamptz, text, int) from public;
