import type { Mistaken } from '../mistakes.ts';

export const djangoMistakes: Mistaken = {
  tables: { teams: 'public.organizations_organization', users: 'public.auth_user' },
  idType: 'integer',
  timestampWithoutZone: [['o.created as created_at', 'o.created::timestamp as created_at']],
  idCast: [
    ['select o.id, o.name', 'select o.id::text as id, o.name'],
    ['select m.organization_id as', 'select m.organization_id::text as'],
    ['select i.organization_id, i.invitee_id', 'select i.organization_id::text, i.invitee_id'],
    ['select i.organization_id, e.user_id', 'select i.organization_id::text, e.user_id'],
  ],
  idOfAnotherType: [
    ['select m.organization_id as', 'select m.organization_id::text as'],
    ['select i.organization_id, i.invitee_id', 'select i.organization_id::text, i.invitee_id'],
    ['select i.organization_id, e.user_id', 'select i.organization_id::text, e.user_id'],
  ],
  misnamedColumn: [['u.is_active,', 'u.is_active as active,']],
  lockNothing: [['o.id = app_lock_team.id::int for update', 'o.id = app_lock_team.id::int']],
  lockElsewhere: [
    [
      'select from public.organizations_organization o where o.id = app_lock_team.id::int for update',
      'select from public.organizations_organizationowner w where w.organization_id = app_lock_team.id::int for update',
    ],
  ],
  forgottenMembers: {
    wrong: [
      [
        'delete from public.organizations_organizationuser m where m.organization_id = app_delete_team.id::int;',
        '',
      ],
    ],
    message:
      /^public\.organizations_organizationuser refers to public\.organizations_organization \(organizations_organi_organization_id_5376c939_fk_organizat\)/,
    fix: /^delete from public\.organizations_organizationuser x where x\.organization_id = \$1::integer;/,
  },
  namesake: [['o where o.id = app_delete_team.id::int', 'o where o.id = id::int']],
  noAddress: [['coalesce(e.email, u.email) as email', 'null::text as email']],
  addressList: [['coalesce(e.email, u.email) as email', `concat_ws(',', e.email, u.email) as email`]],
  doubledRows: [
    [
      'c.subscriber_id = u.id;',
      'c.subscriber_id = u.id left join public.organizations_organizationinvitation x on x.invited_by_id = u.id;',
    ],
  ],
  inverted: [['u.is_active,', 'not u.is_active as is_active,']],
  nobodyVerified: [['case when e.verified is not false then u.date_joined end', 'null::timestamptz']],
  notTheOwner: [['m.user_id as owner_id', 'w.organization_user_id as owner_id']],
  notTheCustomer: {
    view: 'app_user',
    wrong: [['select c.subscriber_id, c.id', 'select c.subscriber_id, c.djstripe_id::text as id']],
  },
};
