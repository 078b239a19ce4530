import { count, foreignApp, idOf, longAgo } from '../app.ts';

export const django = foreignApp('django', 'int', (sql) => {
  let people = 0;
  const times = (at: Date) => ({ created: at, modified: at });

  const belong = (organizationId: string, userId: string, isAdmin: boolean) => {
    const row = { organization_id: organizationId, user_id: userId, is_admin: isAdmin, ...times(longAgo) };
    return idOf(sql`insert into public.organizations_organizationuser ${sql(row)} returning id`);
  };

  return {
    /** allauth writes down each address. */
    async user({ verified = true, seen = true, createdAt = longAgo } = {}) {
      const email = `person-${++people}@people.example`;
      const row = {
        password: '',
        last_login: seen ? createdAt : null,
        is_superuser: false,
        username: `person-${people}`,
        first_name: 'Person',
        last_name: '',
        email,
        is_staff: false,
        is_active: true,
        date_joined: createdAt,
      };
      const id = await idOf(sql`insert into public.auth_user ${sql(row)} returning id`);
      const address = { email, verified, primary: true, user_id: id };
      const addressId = await idOf(sql`insert into public.account_emailaddress ${sql(address)} returning id`);
      const confirmation = { created: createdAt, key: `key-${people}`, email_address_id: addressId };
      await sql`insert into public.account_emailconfirmation ${sql(confirmation)}`;
      return { id, email };
    },

    async team(owner, createdAt = longAgo) {
      const row = { name: 'Organization', is_active: true, slug: `o-${++people}`, ...times(createdAt) };
      const id = await idOf(sql`insert into public.organizations_organization ${sql(row)} returning id`);
      const membership = await belong(id, owner.id, true);
      const owns = { organization_id: id, organization_user_id: membership, ...times(createdAt) };
      await sql`insert into public.organizations_organizationowner ${sql(owns)}`;
      return id;
    },

    member: (teamId, { id }) => belong(teamId, id, false),

    async invite(teamId, owner, email) {
      const row = {
        organization_id: teamId,
        invited_by_id: owner.id,
        invitee_identifier: email,
        ...times(longAgo),
      };
      await sql`
        insert into public.organizations_organizationinvitation ${sql({ ...row, guid: crypto.randomUUID() })}`;
    },

    links: {
      'djstripe_customer of the user': {
        of: 'person',
        link: (id, customerId) => {
          const row = {
            djstripe_created: longAgo,
            djstripe_updated: longAgo,
            stripe_data: sql.json({}),
            id: customerId,
            livemode: false,
            subscriber_id: id,
          };
          return sql`insert into public.djstripe_customer ${sql(row as never)}`;
        },
      },
    },

    /** Whose session it is stands in what Django has signed. */
    signIn: () =>
      sql`insert into public.django_session values (${`session-${++people}`}, 'opaque', ${longAgo})`,

    async account(id) {
      const [user] = await sql`select is_active from public.auth_user where id = ${id}`;
      if (!user) return undefined;
      const isActive = user['isActive'] as boolean;
      return { isActive, doors: isActive ? await count(sql`select from public.django_session`) : 0 };
    },

    hasTeam: async (id) =>
      (await count(sql`select from public.organizations_organization where id = ${id}`)) > 0,

    fill: () =>
      sql.unsafe(`
        insert into public.auth_user (password, is_superuser, username, first_name, last_name, email, is_staff, is_active, date_joined)
        select '', false, 'filler-' || n, '', '', 'filler-' || n || '@people.example', false, true, now()
        from generate_series(1, 3000) n;
        insert into public.account_emailaddress (email, verified, "primary", user_id)
        select email, true, true, id from public.auth_user;
        insert into public.organizations_organization (name, is_active, created, modified, slug)
        select 'Organization', true, now(), now(), 'filler-' || n from generate_series(1, 3000) n;
        with o as (select id, row_number() over (order by id) as n from public.organizations_organization),
        u as (select id, row_number() over (order by id) as n from public.auth_user)
        insert into public.organizations_organizationuser (created, modified, is_admin, organization_id, user_id)
        select now(), now(), u.n = o.n, o.id, u.id from o join u on u.n in (o.n, o.n + 1);
        insert into public.organizations_organizationowner (created, modified, organization_id, organization_user_id)
        select now(), now(), m.organization_id, m.id from public.organizations_organizationuser m where m.is_admin;
        insert into public.organizations_organizationinvitation
          (guid, invitee_identifier, created, modified, invited_by_id, invitee_id, organization_id)
        select gen_random_uuid(), u.email, now(), now(), m.user_id, case when m.id % 2 = 0 then u.id end, m.organization_id
        from public.organizations_organizationuser m join public.auth_user u on u.id = m.user_id;
        insert into public.djstripe_customer (djstripe_created, djstripe_updated, stripe_data, id, livemode, subscriber_id)
        select now(), now(), '{}', 'cus_' || id, false, id from public.auth_user;
        analyze public.auth_user; analyze public.account_emailaddress; analyze public.organizations_organization;
        analyze public.organizations_organizationuser; analyze public.organizations_organizationowner;
        analyze public.organizations_organizationinvitation; analyze public.djstripe_customer`),
  };
});
