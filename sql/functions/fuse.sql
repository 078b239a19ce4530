-- How many destructive acts on teams a day may have: the smaller of a number and a share of the teams, but at least
-- 5. Counts no more teams than matter.
create or replace function evenfall.team_fuse_limit(max_acts int, share float8) returns int
language sql stable set search_path = pg_catalog, pg_temp as $$
  select greatest(5, least($1, case when $2 >= 1 then $1 else floor($2 * (
    select count(*) from (select from evenfall.app_team limit ceil($1 / greatest($2, 0.0001))) t))::int end))
$$;

-- How many acts a fuse allows by now, and since when they count: the policy's number within 24 hours; for a day after a
-- release the released number, counted from there. What was released does not count against the policy afterwards.
create or replace function evenfall.fuse_window(f evenfall.fuse, policy int, out since timestamptz, out allowed int)
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select case when r.is_on then ($1).released_at
      else greatest(clock.now - interval '24 hours', ($1).released_at + interval '24 hours') end,
    case when r.is_on then ($1).released_acts else $2 end
  from (select clock_timestamp() as now) clock
  cross join lateral (select ($1).released_at > clock.now - interval '24 hours' as is_on) r
$$;

-- The place of the job of a kind that runs for a team; null where it was not spread. Rides job_team.
create or replace function evenfall.place_of(kind text, subject text) returns timestamptz
language sql stable set search_path = pg_catalog, pg_temp as $$
  select max(j.spread_at) from evenfall.job j
  where $2 like 'team:%' and j.team_id = substr($2, 6) and j.kind = $1 and j.state = 'running'
$$;

-- From when one more act has room: null, or a time that has passed, is by now. A job that a person has spread waits for its
-- place, and for a day with fewer acts than the spread allows; any other for one with fewer than the fuse allows, which
-- spread jobs may have filled.
create or replace function evenfall.room_in_fuse(kind text, subject text, policy int) returns timestamptz
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select greatest(own.place, (
    select a.at + interval '24 hours' from evenfall.fuse_act a
    where a.kind = $1 and (own.place is not null or a.at > w.since)
    order by a.at desc offset own.most - 1 limit 1))
  from evenfall.fuse f
  cross join lateral evenfall.fuse_window(f, $3) w
  cross join lateral (
    select j.place, case when j.place is null then w.allowed else least(f.spread_per_day, $3) end as most
    from (select evenfall.place_of($1, $2) as place) j) own
  where f.kind = $1
$$;

-- Whether one more destructive act of a kind may happen, and counts it when it may. Called in the transaction that
-- acts, under lock of the kind's fuse, so that no two at once slip past. The verdict:
--
--   holds  counted, or counted before on the same occasion
--   later  its turn comes when evenfall.room_in_fuse says: a backlog is spread over days
--   blows  with what waits to act it would be too many: nothing of the kind happens until a person releases it
--   blown  it has blown before
--
-- What was spread never blows it, neither by acting nor by waiting: a person has answered for it. It keeps to its own
-- number, and all acts together to what the fuse allows.
--
-- @param waiting how many more want to act by now, this one included; null counts the kind's jobs, which only under
-- the lock is right: whoever held it has acted meanwhile, and would count twice
create or replace function evenfall.try_fuse(kind text, subject text, occasion text, waiting int, allowed int)
returns text language plpgsql volatile set search_path = pg_catalog, pg_temp as $$
#variable_conflict use_column
declare
  f evenfall.fuse;
  since timestamptz;
  most int;
  acts int;
  more int;
  is_spread boolean;
begin
  insert into evenfall.fuse (kind) values ($1) on conflict do nothing;
  select * into strict f from evenfall.fuse fuse where fuse.kind = $1 for update;
  if exists (select from evenfall.fuse_act a where a.kind = $1 and a.subject = $2 and a.occasion = $3) then
    return 'holds';
  end if;
  if f.blown_at is not null then
    return 'blown';
  end if;
  is_spread := evenfall.place_of($1, $2) is not null;
  if not is_spread then
    select w.since, w.allowed into since, most from evenfall.fuse_window(f, $5) w;
    select count(*) into acts from evenfall.fuse_act a where a.kind = $1 and a.at > since and not a.spread;
    more := greatest(coalesce($4, evenfall.waiting_to_act($1)), 1);
    if acts + more > most then
      update evenfall.fuse fuse
        set blown_at = clock_timestamp(),
            blown_by = format('%s acts since %s, %s waiting, %s allowed', acts,
              to_char(since at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"'), more, most)
        where fuse.kind = $1;
      return 'blows';
    end if;
  end if;
  if evenfall.room_in_fuse($1, $2, $5) > clock_timestamp() then
    return 'later';
  end if;
  insert into evenfall.fuse_act (kind, subject, occasion, spread) values ($1, $2, $3, is_spread);
  return 'holds';
end $$;

-- How many jobs of a kind want to act within the day and have not acted yet: those of teams whose act is not
-- counted, but for what a person has spread. Rides job_live_key.
create or replace function evenfall.waiting_to_act(kind text) returns int
language sql volatile set search_path = pg_catalog, pg_temp as $$
  select count(*)::int from evenfall.job j
  where j.kind = $1 and j.key is not null and j.state in ('queued', 'dispatched', 'running', 'parked')
    and j.spread_at is null and j.run_at < clock_timestamp() + interval '24 hours'
    and not exists (
      select from evenfall.fuse_act a
      where a.kind = $1 and a.subject = 'team:' || j.team_id and a.at > clock_timestamp() - interval '24 hours')
$$;
