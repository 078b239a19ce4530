import type postgres from 'postgres';
import { testHash } from './machine.ts';

/** All rows of the mirror and of the ledgers. */
export async function clearRecords(sql: postgres.Sql): Promise<void> {
  await sql`truncate evenfall.job, evenfall.effect, evenfall.history, evenfall.dead_letter, evenfall.notice,
    evenfall.subscription, evenfall.customer, evenfall.card, evenfall.worker, evenfall.backfill,
    evenfall.team_deletion, evenfall.team_protection, evenfall.fuse, evenfall.fuse_act, evenfall.finding,
    evenfall.suppressed_recipient, evenfall.erasure`;
}

/** Makes rows of the example app, and the mirror's rows that belong to them. */
export function appRows(sql: postgres.Sql) {
  let people = 0;
  return {
    /** A verified user, seen before, unless `changes` says otherwise; resolves to the id. */
    async user(changes: Record<string, unknown> = {}): Promise<string> {
      const row = {
        email: `person-${++people}@people.example`,
        name: `Person ${people}`,
        email_verified_at: new Date('2026-01-01T00:00:00Z'),
        last_seen_at: new Date('2026-01-02T00:00:00Z'),
        created_at: new Date('2026-01-01T00:00:00Z'),
        ...changes,
      };
      const [user] = await sql`insert into public.users ${sql(row as never)} returning id`;
      return String(user!['id']);
    },

    /** A team with its owner as a member; resolves to the id. */
    async team(ownerId: string | null, changes: Record<string, unknown> = {}): Promise<string> {
      const row = {
        name: `Team of ${ownerId}`,
        owner_id: ownerId,
        created_at: new Date('2026-01-01T00:00:00Z'),
        ...changes,
      };
      const [team] = await sql`insert into public.teams ${sql(row as never)} returning id`;
      const id = String(team!['id']);
      if (ownerId !== null) await this.member(id, ownerId, 'owner');
      return id;
    },

    async member(teamId: string, userId: string, role = 'member'): Promise<void> {
      await sql`insert into public.memberships (team_id, user_id, role) values (${teamId}, ${userId}, ${role})`;
    },

    /** As if a complete backfill had just finished. */
    async freshPicture(): Promise<void> {
      await sql`
        insert into evenfall.backfill (phase, finished_at) values ('finished', clock_timestamp())`;
    },

    /** As if the mail provider had told of the address. */
    async suppress(address: string, why: 'bounce' | 'complaint' = 'bounce'): Promise<void> {
      await sql`
        insert into evenfall.suppressed_recipient (recipient_hash, why, at)
        values (${testHash(address)}, ${why}, clock_timestamp())`;
    },

    async exists(table: 'teams' | 'users', id: string): Promise<boolean> {
      return (await sql`select from ${sql(`public.${table}`)} where id = ${id}`).length > 0;
    },

    /** All rows of the app, of the mirror and of the ledgers. */
    async clear(): Promise<void> {
      await clearRecords(sql);
      await sql`truncate public.sessions, public.memberships, public.teams, public.users cascade`;
    },
  };
}
