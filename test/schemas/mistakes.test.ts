import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { Misconfigured } from '../../src/core/errors.ts';
import { checkContract } from '../../src/db/contract-check.ts';
import type { Diagnosis } from '../../src/db/contract.ts';
import { migrate } from '../../src/db/migrate.ts';
import type { ForeignApp } from './app.ts';
import { mistakesIn } from './mistakes.ts';
import { foreignApps } from './apps.ts';
import { startForeign } from './world.ts';

const folder = await mkdtemp(join(tmpdir(), 'evenfall-mistakes-'));
afterAll(() => rm(folder, { recursive: true }));

const dropViews =
  'drop view if exists evenfall.app_team, evenfall.app_user, evenfall.app_membership, evenfall.app_stripe_customer cascade;\n';

for (const app of foreignApps) await explained(app);

/** What an adopter may get wrong in a contract, each alone: doctor says what, and what to do. */
async function explained(app: ForeignApp): Promise<void> {
  const { url, sql, rows, sleeping } = await startForeign(app);

  /** What `migrate` says to it; a contract that it refuses is then in place all the same, for doctor to see. */
  async function applied(text: string): Promise<string> {
    const contractFile = join(folder, `${app.name}.sql`);
    await writeFile(contractFile, `${dropViews}${text}`);
    try {
      await migrate({ databaseUrl: url, kinds: allJobs, contractFile, log: () => {} });
      return 'migrated';
    } catch (error) {
      if (!(error instanceof Misconfigured)) throw error;
      await sql.unsafe(`${dropViews}${text}`);
      return error.message;
    }
  }

  const complaints = async (): Promise<Diagnosis[]> =>
    (await checkContract(url, `evenfall migrate --contract ${app.name}.sql`)).filter(
      ({ level }) => level !== 'ok',
    );

  describe(app.name, () => {
    beforeAll(async () => {
      const team = await sleeping();
      await rows.signIn(team.owner);
      await rows.invite(team.teamId, team.owner, 'guest@elsewhere.example');
      await rows.invite(team.teamId, team.owner, 'another@elsewhere.example');
      for (const [n, { of, link }] of Object.values(rows.links).entries()) {
        const linked = await sleeping();
        await link(of === 'team' ? linked.teamId : linked.owner.id, `cus_${n}`);
      }
      for (let n = 0; n < 20; n++) await rows.user();
    });

    test('the contract as it is: nothing to complain of', async () => {
      expect(await applied(app.contract)).toBe('migrated');
      expect(await complaints()).toEqual([]);
    });

    test.for(mistakesIn(app.name))('$what', async (mistake) => {
      const { wrong, before, level, about, message, fix, migrateRefuses = false } = mistake;
      const text = wrong.reduce((contract, [right, mistaken]) => {
        expect(contract, 'a mistake that is none').toContain(right);
        return contract.replace(right, () => mistaken);
      }, app.contract);
      if (before !== undefined) await sql.unsafe(before);
      const said = await applied(text);
      const found = await complaints();
      await sql`drop table if exists public.reports`;
      expect(found).toContainEqual({
        level,
        about: `evenfall.${about}`,
        message: expect.stringMatching(message) as string,
        fix: expect.stringMatching(fix) as string,
      });
      expect(said).toMatch(migrateRefuses ? message : /^migrated$/);
    });
  });
}
