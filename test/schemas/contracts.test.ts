import { randomBytes } from 'node:crypto';
import postgres from 'postgres';
import { afterAll, afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { agreeingApp } from '../../src/core/app-callback.ts';
import { doctorCommand } from '../../src/cli/commands/doctor.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import type { Diagnosis } from '../../src/db/contract.ts';
import { runInline } from '../../src/queue/inline.ts';
import { createMailer } from '../../src/mail/mailer.ts';
import { createMailTransport } from '../../src/mail/transport.ts';
import { app as brand } from '../support/mailing.ts';
import { recordingAlerts, silentLog, testHash, testKeepLink } from '../support/machine.ts';
import type { ForeignApp } from './app.ts';
import { foreignApps } from './apps.ts';
import { startForeign } from './world.ts';

for (const app of foreignApps) await contractOf(app);

/** What a contract for a schema that is not ours has to hold, whatever the story. */
async function contractOf(app: ForeignApp): Promise<void> {
  const world = await startForeign(app);
  const { url, database, sql, rows, standIn, inbox } = world;

  describe(app.name, () => {
    beforeEach(() => world.clear());

    describe('doctor', () => {
      beforeEach(() => {
        const complete = {
          DATABASE_URL: url,
          REDIS_URL: '',
          QUEUE_BACKEND: 'postgres',
          STRIPE_SECRET_KEY: 'sk_test_schemas',
          STRIPE_API_BASE: standIn.url,
          STRIPE_WEBHOOK_SECRET: 'whsec_schemas',
          SECRET_KEY: 'the-secret-of-the-links',
          SMTP_URL: inbox.smtpUrl,
          MAIL_FROM: 'Acme <billing@acme.example>',
          ALERT_EMAIL: 'people@acme.example',
          PUBLIC_URL: 'https://evenfall.acme.example',
          NODE_ENV: '',
        };
        for (const [name, value] of Object.entries(complete)) vi.stubEnv(name, value);
      });
      afterEach(() => vi.unstubAllEnvs());

      test('finds no error, and nothing to complain of in the contract', async () => {
        const { owner, teamId } = await world.sleeping();
        await rows.invite(teamId, owner, 'guest@elsewhere.example');
        let printed = '';
        const write = vi
          .spyOn(process.stdout, 'write')
          .mockImplementation((part) => ((printed += String(part)), true));
        const code = await doctorCommand({ json: true }).finally(() => write.mockRestore());
        const found = JSON.parse(printed) as (Diagnosis & { section: string })[];
        expect(found.filter(({ level }) => level === 'error')).toEqual([]);
        expect(code).toBe(0);
        const contract = found.filter(({ section }) => section === 'contract');
        expect(contract.filter(({ level }) => level !== 'ok')).toEqual([]);
        expect(contract.map(({ about }) => about)).toEqual([
          'evenfall.app_*',
          'evenfall.app_lock_team',
          'evenfall.app_lock_user',
        ]);
      });
    });

    test('among thousands of rows no search of one team or user reads a whole table', async () => {
      await rows.fill();
      const searches = {
        app_team: ['id', 'owner_id', 'stripe_customer_id'],
        app_user: ['id', 'stripe_customer_id'],
        app_membership: ['team_id', 'user_id'],
      };
      const read: Record<string, string[]> = {};
      for (const [view, columns] of Object.entries(searches)) {
        for (const column of columns) {
          const [some] = await sql.unsafe(
            `select ${column}::text as value from evenfall.${view} where ${column} is not null limit 1`,
          );
          if (!some) continue;
          const plan = await sql.unsafe(
            `explain (costs off) select * from evenfall.${view} where ${column} = '${some['value']}'`,
          );
          const lines = plan.map((line) => Object.values(line).join(' '));
          read[`${view}.${column}`] = lines.filter((line) => line.includes('Seq Scan'));
        }
      }
      expect(Object.values(read).flat(), JSON.stringify(read)).toEqual([]);
      // where only people are customers, no team is found by one
      const people = Object.values(rows.links).every(({ of }) => of === 'person');
      expect(Object.keys(read)).toHaveLength(people ? 6 : 7);
    });

    test('ids keep the app’s own type', async () => {
      const types = await sql`
        select distinct format_type(atttypid, atttypmod) as type from pg_attribute
        where attrelid in ('evenfall.app_team'::regclass, 'evenfall.app_user'::regclass) and attname = 'id'`;
      expect(types).toEqual([{ type: app.idType === 'int' ? 'integer' : app.idType }]);
    });

    test('each function bears being called twice, and stops at the one that it is given', async () => {
      const [one, other] = [await world.sleeping(), await world.sleeping()];
      const call = async (name: string, id: string) => {
        await sql.unsafe(`select evenfall.${name}($1)`, [id]);
        await sql.unsafe(`select evenfall.${name}($1)`, [id]);
      };
      await call('app_lock_team', one.teamId);
      await call('app_lock_user', one.owner.id);
      await call('app_deactivate_user', one.owner.id);
      expect((await rows.account(one.owner.id))?.isActive).toBe(false);
      expect((await rows.account(other.owner.id))?.isActive).toBe(true);
      await call('app_delete_team', one.teamId);
      await call('app_delete_user', one.owner.id);
      expect([await rows.hasTeam(one.teamId), await rows.account(one.owner.id)]).toEqual([false, undefined]);
      expect([await rows.hasTeam(other.teamId), (await rows.account(other.owner.id))?.isActive]).toEqual([
        true,
        true,
      ]);
    });

    describe('a role with EXECUTE on enqueue alone', () => {
      const role = `evenfall_${app.name}_${randomBytes(4).toString('hex')}`;
      const session = postgres(asRole(url, role), { max: 1, onnotice: () => {} });
      afterAll(async () => {
        await session.end({ timeout: 1 });
        await sql.unsafe(`drop table public.audit; drop owned by ${role} cascade; drop role ${role}`);
      });

      test('[P1] asks in the transaction of the app: a rollback leaves nothing, what is committed is done', async () => {
        // the app's own rights on its own tables, and the door
        await sql.unsafe(`
          create table public.audit (what text);
          create role ${role} login password 'app';
          grant select, insert, update, delete on all tables in schema public to ${role};
          grant usage on schema evenfall to ${role};
          grant execute on function evenfall.enqueue(text, jsonb, text, timestamptz, text, int) to ${role}`);
        const { owner } = await world.sleeping();
        const asked = async (tx: postgres.TransactionSql) => {
          await tx`insert into public.audit values ('asked to leave')`;
          await tx`select evenfall.enqueue('deactivate-account', ${tx.json({ userId: owner.id })})`;
        };
        await expect(
          session.begin(async (tx) => {
            await asked(tx);
            throw new Error('the app changed its mind');
          }),
        ).rejects.toThrow('changed its mind');
        await world.runAll();
        const audit = () => sql`select what from public.audit`;
        expect([(await rows.account(owner.id))?.isActive, await audit()]).toEqual([true, []]);
        await session.begin(asked);
        await world.runAll();
        expect([(await rows.account(owner.id))?.isActive, await audit()]).toEqual([
          false,
          [{ what: 'asked to leave' }],
        ]);
        for (const closed of [
          `select from evenfall.app_team`,
          `select evenfall.app_delete_user('${owner.id}')`,
          `select from evenfall.job`,
        ]) {
          await expect(session.unsafe(closed)).rejects.toMatchObject({ code: '42501' });
        }
      });

      test('an id that the app’s type cannot hold is refused at the door', async () => {
        await expect(
          sql`select evenfall.enqueue('deactivate-account', '{"userId": "not-an-id"}')`,
        ).rejects.toMatchObject({ code: 'EF422', column_name: 'userId' });
      });
    });

    test('every sweep’s statement and every kind runs on it', async () => {
      const transport = createMailTransport({ smtpUrl: inbox.smtpUrl, from: 'billing@acme.example' });
      const customerId = await world.customer();
      const { id: subscriptionId } = standIn.seed.subscription({ customer: customerId, status: 'active' });
      const { id: cardId } = standIn.seed.paymentMethod({ customer: customerId });
      await world.mirror(customerId);
      const [asleep, leaver] = [await world.sleeping(), await world.sleeping()];
      await world.marked(asleep.teamId);
      await world.ask('sync-customer', { customerId: 'cus_unknown' });
      await world.runAll();
      const [letter] = await sql`select id from evenfall.dead_letter`;
      const [finding] = await sql`
        insert into evenfall.finding (kind, subject, occasion, message, found_at)
        values ('stripe-veto', 'team', 'test', 'test', clock_timestamp()) returning id`;
      const payloads: Record<string, object> = {
        'cancel-subscription': { teamId: leaver.teamId, when: 'now' },
        'deactivate-account': { userId: leaver.owner.id },
        'sync-customer': { customerId },
        'backfill-stripe': {},
        'trial-ending-email': { subscriptionId, offset: 'P3D' },
        'expiring-card-email': { cardId },
        'mark-team-for-deletion': { teamId: leaver.teamId },
        'delete-inactive-team': { teamId: asleep.teamId },
        'delete-unverified-users': {},
        'deletion-reminder-email': { teamId: asleep.teamId },
        'erase-person': { userId: leaver.owner.id },
        'forget-old-records': {},
        sweep: { sweep: 'mark-team-for-deletion' },
        'alert-dead-letter': { deadLetterId: letter!['id'] },
        'alert-finding': { findingId: finding!['id'] },
      };
      expect(Object.keys(payloads).toSorted()).toEqual(allJobs.map(({ name }) => name).toSorted());
      for (const job of allJobs) {
        const result = await runInline(job, payloads[job.name], {
          database,
          stripe: world.stripe,
          app: agreeingApp,
          mail: createMailer({ transport, app: brand }),
          alerts: recordingAlerts(),
          policy: defaultPolicy,
          hash: testHash,
          keepLink: testKeepLink,
          log: silentLog,
          now: world.now(),
          dryRun: false,
        });
        expect(result).toMatchObject({
          kind: job.name,
          outcome: expect.stringMatching(/done|skipped/) as string,
        });
      }
      transport.close();
      expect(database.sweeps.size).toBeGreaterThan(0);
      for (const kind of database.sweeps.keys()) {
        expect(await world.list(kind)).toEqual(expect.any(Array));
        expect(await world.sweep(kind)).toMatchObject({ enqueued: expect.any(Number) as number });
      }
    });
  });
}

function asRole(url: string, role: string): string {
  const own = new URL(url);
  own.username = role;
  own.password = 'app';
  return own.href;
}
