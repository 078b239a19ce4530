import { beforeEach, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import type { FindingAlert } from '../../src/core/alert.ts';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import type { Finding } from '../../src/core/finding.ts';
import { done } from '../../src/core/outcome.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { createRunner, recordingAlerts } from '../support/machine.ts';

const { kind, runs } = testKind();
const jobs = [...allJobs, kind];
const { database, sql } = await createTestDatabase([kind]);
let told: FindingAlert[] = [];
const alerts = recordingAlerts();

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.dead_letter, evenfall.finding, evenfall.worker`;
  told = [];
  alerts.finding = (alert) => Promise.resolve((told.push(alert), ['test']));
});

const veto: Finding = {
  kind: 'stripe-veto',
  subject: 'team:7',
  occasion: 'mark 1',
  teamId: '7',
  message: 'Stripe has the live subscription sub_1: see whose it is.',
};

/** Runs a job for each of these that finds it; what it gives runs the next alert. */
async function find(...findings: readonly Finding[]) {
  const { runNext } = await createRunner(database, jobs, { alerts });
  for (const [index, finding] of findings.entries()) {
    runs((ctx) => Promise.resolve(done({}, (tx) => ctx.find(tx, finding))));
    const payload = { n: index };
    await database.statements.enqueue({
      kind: kind.name,
      payload,
      key: null,
      runAt: null,
      teamId: '7',
      priority: 0,
    });
    expect(await runNext()).toMatchObject({ as: 'finished' });
  }
  return () => runNext('dead-letter');
}

const alertedAt = async () =>
  (await sql`select alerted_at from evenfall.finding`)[0]?.['alertedAt'] as unknown;

test('[P1] it tells what was found, under a stable id; the finding says that people were told', async () => {
  const tell = await find(veto);
  expect(await tell()).toMatchObject({ as: 'finished' });
  const [finding] = await sql`select id, found_at, alerted_at from evenfall.finding`;
  expect(told).toEqual([
    {
      id: `finding-${finding!['id']}`,
      findingId: finding!['id'],
      kind: 'stripe-veto',
      subject: 'team:7',
      teamId: '7',
      message: veto.message,
      at: finding!['foundAt'],
    },
  ]);
  expect(finding!['alertedAt']).toBeInstanceOf(Date);
});

test('[P2] what is found again is told once; another occasion of it is another finding', async () => {
  const tell = await find(veto);
  expect(await tell()).toMatchObject({ as: 'finished' });
  await find(veto, { ...veto, occasion: 'mark 2' });
  expect(await tell()).toMatchObject({ as: 'finished' });
  expect(await tell()).toBeUndefined();
  expect(told).toHaveLength(2);
  expect(told[0]?.id).not.toBe(told[1]?.id);
});

test('a finding that was acknowledged meanwhile is told to nobody', async () => {
  const tell = await find(veto);
  await sql`update evenfall.finding set acknowledged_at = clock_timestamp(), acknowledged_by = 'ann'`;
  expect(await tell()).toMatchObject({ as: 'finished', summary: expect.stringContaining('skipped') });
  expect(told).toEqual([]);
  expect(await alertedAt()).toBeNull();
});

test('[P1] no channel takes it: it is tried again, and the finding does not say that people were told', async () => {
  const tell = await find(veto);
  alerts.finding = () => Promise.reject(new Retryable('no channel', { facts: { class: 'alert_failed' } }));
  expect(await tell()).toMatchObject({ as: 'later' });
  expect(await alertedAt()).toBeNull();
});

test('[P1] no channel is configured: it is skipped and says what to set; asked for again when there is one, it tells', async () => {
  const tell = await find(veto);
  alerts.finding = () => Promise.resolve([]);
  expect(await tell()).toMatchObject({ as: 'finished', summary: expect.stringContaining('skipped') });
  expect(await alertedAt()).toBeNull();
  const [alert] = await sql`select state, outcome, payload from evenfall.job where kind = 'alert-finding'`;
  expect(alert).toMatchObject({
    state: 'skipped',
    outcome: { reason: 'no channel: set ALERT_EMAIL or ALERT_WEBHOOK_URL' },
  });

  alerts.finding = () => Promise.resolve(['test']);
  await sql`select evenfall.enqueue('alert-finding', ${sql.json(alert!['payload'])})`;
  expect(await tell()).toMatchObject({ as: 'finished' });
  expect(await alertedAt()).toBeInstanceOf(Date);
});

test('[P1] refused for good it is a dead letter, which alerts as any other', async () => {
  const tell = await find(veto);
  alerts.finding = () => Promise.reject(new Terminal('never', { facts: { class: 'alert_failed' } }));
  expect(await tell()).toMatchObject({ as: 'dead' });
  expect(await sql`select kind from evenfall.dead_letter`).toEqual([{ kind: 'alert-finding' }]);
  expect(await sql`select kind from evenfall.job where state = 'queued'`).toEqual([
    { kind: 'alert-dead-letter' },
  ]);
});

test('a finding that does not exist is dead at once', async () => {
  const wanted = { kind: 'alert-finding', key: null, runAt: null, teamId: null, priority: 0 };
  await database.statements.enqueue({ ...wanted, payload: { findingId: 404 } });
  const tell = await find();
  expect(await tell()).toMatchObject({ as: 'dead' });
  expect(await sql`select class from evenfall.dead_letter`).toEqual([{ class: 'not_found' }]);
});
