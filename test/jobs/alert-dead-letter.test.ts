import { beforeEach, expect, test } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { Retryable, Terminal } from '../../src/core/errors.ts';
import { createTestDatabase } from '../support/database.ts';
import { testKind } from '../support/kinds.ts';
import { createRunner, recordingAlerts } from '../support/machine.ts';

const { kind, runs } = testKind();
const jobs = [...allJobs, kind];
const { database, sql } = await createTestDatabase([kind]);
const alerts = recordingAlerts();

beforeEach(async () => {
  await sql`truncate evenfall.job, evenfall.dead_letter, evenfall.worker`;
  alerts.sent.length = 0;
});

/** A job that died of this, with its alert waiting. */
async function die() {
  runs(() =>
    Promise.reject(
      new Terminal('Stripe refused', { facts: { class: 'stripe_refused', code: 'c', requestId: 'req_1' } }),
    ),
  );
  const wanted = { kind: kind.name, payload: { n: 1 }, key: null, runAt: null, teamId: '7', priority: 0 };
  const [job] = await database.statements.enqueue(wanted);
  const { runNext } = await createRunner(database, jobs, { alerts });
  await runNext();
  return { jobId: job!.id, tell: () => runNext('dead-letter') };
}

test('[P1] it tells what died, of what, and under a stable id; the letter says that people were told', async () => {
  const { jobId, tell } = await die();
  expect(await tell()).toMatchObject({ as: 'finished' });
  const [letter] = await sql`select id, alerted_at from evenfall.dead_letter`;
  expect(alerts.sent).toMatchObject([
    {
      id: `dead-letter-${letter!['id']}`,
      jobId,
      kind: kind.name,
      teamId: '7',
      attempts: 1,
      error: { class: 'stripe_refused', code: 'c', requestId: 'req_1', message: 'Stripe refused' },
    },
  ]);
  expect(letter!['alertedAt']).toBeInstanceOf(Date);
});

test('a dead letter that was resolved meanwhile is told to nobody', async () => {
  const { tell } = await die();
  await sql`update evenfall.dead_letter set resolved_at = clock_timestamp(), resolution = 'replayed'`;
  expect(await tell()).toMatchObject({ as: 'finished', summary: expect.stringContaining('skipped') });
  expect(alerts.sent).toEqual([]);
});

test('[P1] no channel takes it: it is tried again, and says so', async () => {
  const { tell } = await die();
  alerts.deadLetter = () => Promise.reject(new Retryable('no channel', { facts: { class: 'alert_failed' } }));
  expect(await tell()).toMatchObject({ as: 'later' });
  expect(await sql`select alerted_at from evenfall.dead_letter`).toEqual([{ alertedAt: null }]);
});

test('[P1] no channel is configured: it is skipped and says what to set, and the letter does not say that people were told', async () => {
  const { tell } = await die();
  alerts.deadLetter = () => Promise.resolve([]);
  expect(await tell()).toMatchObject({ as: 'finished', summary: expect.stringContaining('skipped') });
  expect(await sql`select alerted_at from evenfall.dead_letter`).toEqual([{ alertedAt: null }]);
  const [alert] = await sql`select state, outcome from evenfall.job where kind = 'alert-dead-letter'`;
  expect(alert).toMatchObject({
    state: 'skipped',
    outcome: { reason: 'no channel: set ALERT_EMAIL or ALERT_WEBHOOK_URL' },
  });
});

test('a dead alert does not alert about itself', async () => {
  const { tell } = await die();
  alerts.deadLetter = () => Promise.reject(new Terminal('never', { facts: { class: 'alert_failed' } }));
  expect(await tell()).toMatchObject({ as: 'dead' });
  expect(await sql`select kind from evenfall.job where state = 'queued'`).toEqual([]);
  expect(await sql`select kind from evenfall.dead_letter order by id`).toEqual([
    { kind: kind.name },
    { kind: 'alert-dead-letter' },
  ]);
});
