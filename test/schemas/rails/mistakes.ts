import type { Mistaken } from '../mistakes.ts';

export const railsMistakes: Mistaken = {
  tables: { teams: 'public.accounts', users: 'public.users' },
  idType: 'uuid',
  timestampWithoutZone: [[`a.created_at end) at time zone 'UTC' as`, 'a.created_at end) as']],
  idCast: [
    ['select a.id, a.name', 'select a.id::text as id, a.name'],
    ['select m.account_id as', 'select m.account_id::text as'],
    ['select i.account_id,', 'select i.account_id::text,'],
    ['t where t.id = a.id)', 't where t.id = a.id::text)'],
  ],
  idOfAnotherType: [
    ['select m.account_id as', 'select m.account_id::text as'],
    ['select i.account_id,', 'select i.account_id::text,'],
  ],
  misnamedColumn: [['as is_active', 'as active']],
  lockNothing: [['a.id = app_lock_team.id::uuid for update', 'a.id = app_lock_team.id::uuid']],
  lockElsewhere: [
    [
      'select from public.accounts a where a.id = app_lock_team.id::uuid for update',
      'select from public.account_users m where m.account_id = app_lock_team.id::uuid for update',
    ],
  ],
  forgottenMembers: {
    wrong: [['delete from public.account_invitations i where i.account_id = app_delete_team.id::uuid;', '']],
    message:
      /^public\.account_invitations refers to public\.accounts \(fk_rails_7a9e106543\), and app_delete_team/,
    fix: /^delete from public\.account_invitations x where x\.account_id = \$1::uuid;/,
  },
  namesake: [['a.id = app_delete_team.id::uuid and a.personal', 'a.id = id::uuid and a.personal']],
  noAddress: [['u.email, nullif', 'null::text as email, nullif']],
  addressList: [['u.email, nullif', `u.first_name || ' <' || u.email || '>' as email, nullif`]],
  doubledRows: [
    ['c.owner_id = u.id;', 'c.owner_id = u.id left join public.api_tokens x on x.user_id = u.id;'],
  ],
  inverted: [['u.deleted_at is null', 'u.deleted_at is not null']],
  nobodyVerified: [[`u.confirmed_at at time zone 'UTC'`, 'null::timestamptz']],
  notTheOwner: [['a.owner_id,', 'a.id as owner_id,']],
  notTheCustomer: {
    view: 'app_team',
    wrong: [
      [
        'select c.owner_type, c.owner_id, c.processor_id',
        'select c.owner_type, c.owner_id, c.id::text as processor_id',
      ],
    ],
  },
};
