import type { Mistaken } from '../mistakes.ts';

export const laravelMistakes: Mistaken = {
  tables: { teams: 'public.teams', users: 'public.users' },
  idType: 'bigint',
  timestampWithoutZone: [[`t.created_at at time zone 'UTC' as created_at`, 't.created_at']],
  idCast: [
    ['select t.id, t.name', 'select t.id::text as id, t.name'],
    ['select m.team_id,', 'select m.team_id::text as team_id,'],
    ['select i.team_id,', 'select i.team_id::text,'],
    ['a where a.id = t.id)', 'a where a.id = t.id::text)'],
  ],
  idOfAnotherType: [
    ['select m.team_id,', 'select m.team_id::text as team_id,'],
    ['select i.team_id,', 'select i.team_id::text,'],
  ],
  misnamedColumn: [['as is_active', 'as active']],
  lockNothing: [['t.id = app_lock_team.id::bigint for update', 't.id = app_lock_team.id::bigint']],
  lockElsewhere: [
    [
      'select from public.teams t where t.id = app_lock_team.id::bigint for update',
      `select from public.users u where u.id = (
        select t.user_id from public.teams t where t.id = app_lock_team.id::bigint) for update`,
    ],
  ],
  forgottenMembers: {
    wrong: [['delete from public.team_user m where m.team_id = app_delete_team.id::bigint;', '']],
    message:
      /^app_delete_team leaves public\.team_user as it is: the memberships of a deleted team would stay/,
    fix: /^delete from public\.team_user m where m\.team_id = \$1::bigint;/,
  },
  namesake: [['t.id = app_delete_team.id::bigint and not', 't.id = id::bigint and not']],
  noAddress: [['u.email, u.name', 'null::text as email, u.name']],
  addressList: [['u.email, u.name', `u.email || ', ' || u.email as email, u.name`]],
  doubledRows: [
    ['from public.users u;', 'from public.users u left join public.sessions x on x.user_id = u.id;'],
  ],
  inverted: [['u.deleted_at is null', 'u.deleted_at is not null']],
  nobodyVerified: [[`u.email_verified_at at time zone 'UTC'`, 'null::timestamptz']],
  notTheOwner: [['t.user_id as owner_id', 't.id as owner_id']],
  notTheCustomer: {
    view: 'app_team',
    wrong: [['t.stripe_id as', 't.pm_type as']],
    before: `update public.teams set pm_type = 'visa'`,
  },
};
