import { count, foreignApp, idOf, longAgo } from '../app.ts';

export const laravel = foreignApp('laravel', 'bigint', (sql) => {
  let people = 0;

  const team = async (ownerId: string, personal: boolean, createdAt: Date) => {
    const row = {
      user_id: ownerId,
      name: `Team ${++people}`,
      personal_team: personal,
      created_at: createdAt,
    };
    return await idOf(sql`insert into public.teams ${sql(row)} returning id`);
  };
  const session = (userId: string) =>
    sql`insert into public.sessions (id, user_id, payload, last_activity)
      values (${`session ${++people}`}, ${userId}, '', ${Math.floor(longAgo.getTime() / 1000)})`;

  return {
    /** Jetstream makes a personal team for everybody. */
    async user({ verified = true, seen = true, createdAt = longAgo } = {}) {
      const email = `person-${++people}@people.example`;
      const row = {
        name: `Person ${people}`,
        email,
        email_verified_at: verified ? createdAt : null,
        password: '',
        created_at: createdAt,
      };
      const id = await idOf(sql`insert into public.users ${sql(row)} returning id`);
      const personal = await team(id, true, createdAt);
      await sql`update public.users set current_team_id = ${personal} where id = ${id}`;
      if (seen) await session(id);
      return { id, email };
    },

    async team(owner, createdAt = longAgo) {
      const id = await team(owner.id, false, createdAt);
      await sql`update public.users set current_team_id = ${id} where id = ${owner.id}`;
      return id;
    },

    member: (teamId, { id }) =>
      sql`insert into public.team_user (team_id, user_id, role) values (${teamId}, ${id}, 'editor')`,

    invite: (teamId, _owner, email) =>
      sql`insert into public.team_invitations (team_id, email, role) values (${teamId}, ${email}, 'editor')`,

    links: {
      'teams.stripe_id': {
        of: 'team',
        link: (id, customerId) => sql`update public.teams set stripe_id = ${customerId} where id = ${id}`,
      },
      'users.stripe_id': {
        of: 'person',
        link: (id, customerId) => sql`update public.users set stripe_id = ${customerId} where id = ${id}`,
      },
    },

    async signIn({ id }) {
      await session(id);
      const token = {
        tokenable_type: 'App\\Models\\User',
        tokenable_id: id,
        name: 'api',
        token: `t${++people}`,
      };
      await sql`insert into public.personal_access_tokens ${sql(token)}`;
    },

    async account(id) {
      const [user] = await sql`select deleted_at, remember_token from public.users where id = ${id}`;
      if (!user) return undefined;
      const sessions = await count(sql`select from public.sessions where user_id = ${id}`);
      const tokens = await count(
        sql`select from public.personal_access_tokens where tokenable_type like '%User' and tokenable_id = ${id}`,
      );
      return { isActive: user['deletedAt'] === null, doors: sessions + tokens };
    },

    hasTeam: async (id) => (await count(sql`select from public.teams where id = ${id}`)) > 0,

    fill: () =>
      sql.unsafe(`
        insert into public.users (name, email, password, created_at, stripe_id)
        select 'Person', 'filler-' || n || '@people.example', '', now(), 'cus_user' || n from generate_series(1, 3000) n;
        insert into public.teams (user_id, name, personal_team, created_at, stripe_id)
        select id, 'Team', id % 2 = 0, now(), 'cus_team' || id from public.users;
        insert into public.team_user (team_id, user_id, role)
        select t.id, u.id, 'editor' from public.teams t join public.users u on u.id in (t.user_id + 1, t.user_id + 2);
        insert into public.team_invitations (team_id, email)
        select t.id, u.email from public.teams t join public.users u on u.id = t.user_id;
        insert into public.sessions (id, user_id, payload, last_activity) select 's' || id, id, '', 0 from public.users;
        analyze public.users; analyze public.teams; analyze public.team_user; analyze public.team_invitations;
        analyze public.sessions`),
  };
});
