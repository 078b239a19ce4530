import { count, foreignApp, idOf, longAgo } from '../app.ts';

export const rails = foreignApp('rails', 'uuid', (sql) => {
  let people = 0;
  const times = (at: Date) => ({ created_at: at, updated_at: at });

  const account = async (ownerId: string, personal: boolean, createdAt: Date) => {
    const row = { name: `Account ${++people}`, owner_id: ownerId, personal, ...times(createdAt) };
    const id = await idOf(sql`insert into public.accounts ${sql(row)} returning id`);
    await belong(id, ownerId, { admin: true });
    return id;
  };
  const belong = (accountId: string, userId: string, roles: object) =>
    sql`insert into public.account_users (account_id, user_id, roles, created_at, updated_at)
      values (${accountId}, ${userId}, ${sql.json(roles as never)}, ${longAgo}, ${longAgo})`;
  const customer = (type: string) => async (id: string, processorId: string) => {
    const row = { owner_type: type, owner_id: id, processor: 'stripe', default: true, ...times(longAgo) };
    await sql`insert into public.pay_customers ${sql({ ...row, processor_id: processorId })}`;
  };

  return {
    /** Jumpstart makes a personal account for everybody. */
    async user({ verified = true, seen = true, createdAt = longAgo } = {}) {
      const email = `person-${++people}@people.example`;
      const row = {
        email,
        first_name: 'Person',
        confirmed_at: verified ? createdAt : null,
        current_sign_in_at: seen ? createdAt : null,
        ...times(createdAt),
      };
      const id = await idOf(sql`insert into public.users ${sql(row)} returning id`);
      await account(id, true, createdAt);
      return { id, email };
    },

    team: (owner, createdAt = longAgo) => account(owner.id, false, createdAt),

    member: (teamId, { id }) => belong(teamId, id, { member: true }),

    async invite(teamId, owner, email) {
      const row = { account_id: teamId, invited_by_id: owner.id, token: `t${++people}`, name: 'Guest' };
      // as it was typed: Devise alone writes addresses in lower case
      const typed = email.replace(/^p/, 'P');
      await sql`insert into public.account_invitations ${sql({ ...row, email: typed, ...times(longAgo) })}`;
    },

    links: {
      'pay_customers of the account': { of: 'team', link: customer('Account') },
      'pay_customers of the user': { of: 'person', link: customer('User') },
    },

    /** The cookie is with the browser. */
    async signIn({ id }) {
      await sql`update public.users set remember_created_at = ${longAgo} where id = ${id}`;
      await sql`insert into public.api_tokens ${sql({ user_id: id, token: `t${++people}`, ...times(longAgo) })}`;
    },

    async account(id) {
      const [user] = await sql`select deleted_at, remember_created_at from public.users where id = ${id}`;
      if (!user) return undefined;
      const tokens = await count(sql`select from public.api_tokens where user_id = ${id}`);
      const remembered = user['rememberCreatedAt'] === null ? 0 : 1;
      return { isActive: user['deletedAt'] === null, doors: tokens + remembered };
    },

    hasTeam: async (id) => (await count(sql`select from public.accounts where id = ${id}`)) > 0,

    fill: () =>
      sql.unsafe(`
        insert into public.users (email, created_at, updated_at)
        select 'filler-' || n || '@people.example', now(), now() from generate_series(1, 3000) n;
        insert into public.accounts (name, owner_id, personal, created_at, updated_at)
        select 'Account', id, substr(id::text, 1, 1) < '8', now(), now() from public.users;
        insert into public.account_users (account_id, user_id, created_at, updated_at)
        select a.id, u.id, now(), now() from public.accounts a
        cross join lateral (select id from public.users u where u.id >= a.owner_id order by u.id limit 2) u;
        insert into public.account_invitations (account_id, token, name, email, created_at, updated_at)
        select a.id, a.id::text, 'Guest', u.email, now(), now() from public.accounts a join public.users u on u.id = a.owner_id;
        insert into public.pay_customers (owner_type, owner_id, processor, processor_id, "default", created_at, updated_at)
        select 'Account', id, 'stripe', 'cus_a' || replace(id::text, '-', ''), true, now(), now() from public.accounts
        union all
        select 'User', id, 'stripe', 'cus_u' || replace(id::text, '-', ''), true, now(), now() from public.users;
        analyze public.users; analyze public.accounts; analyze public.account_users; analyze public.account_invitations;
        analyze public.pay_customers`),
  };
});
