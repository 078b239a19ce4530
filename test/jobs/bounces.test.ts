import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { deleteInactiveTeam } from '../../jobs/delete-inactive-team.ts';
import { markTeamForDeletion } from '../../jobs/mark-team-for-deletion.ts';
import type { Failpoint } from '../../src/core/failpoints.ts';
import { keepToken } from '../../src/core/keep-token.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { messageId as messageIdOf } from '../../src/mail/message-id.ts';
import { openMailDoor } from '../support/bounces.ts';
import { createTestDatabase } from '../support/database.ts';
import { afterSixMonths, days, startEndings } from '../support/endings.ts';
import { untilBlocked } from '../support/locks.ts';
import { testHash, testSecretKey } from '../support/machine.ts';
import { everythingKept } from '../support/mailing.ts';
import { bindStatements } from '../support/sql.ts';
import { keepLog } from '../web/web.ts';

const { url, database, sql } = await createTestDatabase();
const world = await startEndings(database, sql);
const door = await openMailDoor(url);
const { inbox, standIn } = world;
const kind = markTeamForDeletion.name;
const desk = 'desk@acme.example';
const policy = { ...defaultPolicy, noticeFallbackEmail: desk };
const log = keepLog();

beforeEach(async () => {
  await world.clear();
  door.lines.length = 0;
});

const recipients = () => inbox.messages.map(({ envelope }) => envelope.to[0]);
const due = async () => (await world.list(kind)).map(({ subject }) => subject);
const messageIds = async () =>
  (await sql`select message_id from evenfall.notice order by id`).map((row) => String(row['messageId']));
const lines = async (what: string) =>
  await sql`select team_id, subject, detail, source from evenfall.history where what = ${what} order by id`;

/** A sleeping team, marked, whose owner was told; resolves to the notice's own id too. */
async function told(changes: Record<string, unknown> = {}) {
  const { teamId, ownerId } = await world.sleepingTeam(changes);
  const date = await world.marked(teamId);
  return { teamId, date, to: await world.emailOf(ownerId), messageId: (await messageIds()).at(-1)! };
}

/** The sweeps and their jobs, some days later. */
async function daysLater(n: number) {
  world.at(new Date(world.now().getTime() + days(n)));
  for (const swept of [kind, deleteInactiveTeam.name]) {
    await world.sweep(swept, policy);
    await world.runAll({ policy, log });
  }
}

describe('[P3] a notice that bounces', () => {
  test.for(['messageId', 'recipient'] as const)(
    'voids the mark, by its %s: taken back at once, said in the history, and not deleted after its date',
    async (by) => {
      const { teamId, date, to, messageId } = await told();
      await door.bounced(by === 'messageId' ? { messageId } : { recipient: to });

      expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', clearedWhy: 'its notice bounced' });
      expect(await world.history(teamId)).toEqual([
        'notice.sent',
        'team.marked',
        'notice.bounced',
        'team.mark-cleared',
      ]);
      const [bounced] = await lines('notice.bounced');
      expect(bounced).toMatchObject({
        subject: `team:${teamId}`,
        detail: { mail: 'deletion-notice', occasion: expect.any(String) as string },
        source: 'mail-webhook',
      });
      expect(await sql`select recipient_hash, why from evenfall.suppressed_recipient`).toEqual([
        { recipientHash: testHash(to), why: 'bounce' },
      ]);
      world.at(new Date(date.getTime() + 1_000));
      expect(await world.sweepAndRun(deleteInactiveTeam.name)).toEqual({ due: 0, enqueued: 0 });
      expect(await world.rows.exists('teams', teamId)).toBe(true);
    },
  );

  test('goes to the next: the owner, then the customer, then the fallback; then people are told, and no more is sent', async () => {
    const customer = standIn.seed.customer({ email: 'books@harbour.example' }).id;
    await world.mirror(customer);
    const { teamId, to } = await told({ stripe_customer_id: customer });
    const wanted = [to];
    for (const next of ['books@harbour.example', desk]) {
      await door.bounced({ recipient: wanted.at(-1)! });
      await daysLater(1);
      wanted.push(next);
      expect(recipients()).toEqual(wanted);
      expect(await world.mark(teamId)).toMatchObject({ state: 'noticed' });
    }
    await door.bounced({ recipient: desk });
    expect(await world.findings()).toEqual([]);
    await daysLater(1);
    expect(await world.findings()).toMatchObject([
      {
        kind: 'nobody-to-notify',
        teamId,
        message: expect.stringContaining('mail to every known address bounces') as string,
      },
    ]);
    for (let day = 0; day < 10; day++) await daysLater(1);
    expect(recipients()).toHaveLength(3);
    expect(await world.findings()).toHaveLength(1);
    expect(await world.rows.exists('teams', teamId)).toBe(true);
  });

  test('without a fallback the finding comes at once, and again for the next bounce only', async () => {
    const { teamId, to } = await told();
    await door.bounced({ recipient: to });
    const again = async () => {
      world.at(new Date(world.now().getTime() + days(1)));
      await world.sweep(kind);
      await world.runAll();
      return (await world.findings()).length;
    };
    expect(await again()).toBe(1);
    const acknowledge = () =>
      sql`update evenfall.finding set acknowledged_at = clock_timestamp(), acknowledged_by = 'test'`;
    await acknowledge();
    expect(await again()).toBe(1);
    await sql`update public.users set email = 'corrected@people.example'`;
    expect(await again()).toBe(1);
    expect(await world.mark(teamId)).toMatchObject({ state: 'noticed' });
    await door.bounced({ recipient: 'corrected@people.example' });
    expect(await again()).toBe(2);
    expect(recipients()).toEqual([to, 'corrected@people.example']);
  });

  test('is of whom the mail went to, whomever a forwarder names', async () => {
    const { teamId, to, messageId } = await told();
    await door.bounced({ messageId, recipient: 'elsewhere@people.example' });
    expect(await sql`select recipient_hash from evenfall.suppressed_recipient`).toEqual([
      { recipientHash: testHash(to) },
    ]);
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared' });
  });

  test('[P8] is in the timeline of its team', async () => {
    const { teamId, messageId } = await told();
    await door.bounced({ messageId });
    const events = await database.statements.teamTimeline({ teamId, limit: 100 });
    expect(events.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['notice.sent', 'notice.bounced', 'team.mark-cleared']),
    );
    const cleared = events.find(({ what }) => what === 'team.mark-cleared');
    expect(cleared?.detail).toMatchObject({ why: 'its notice bounced' });
  });

  test('takes back every mark whose notice went there, and no other', async () => {
    const first = await told();
    const owner = (await world.mark(first.teamId))!['ownerId'] as string;
    const second = await world.rows.team(owner, { created_at: new Date('2027-08-31T10:00:00Z') });
    await world.marked(second);
    const other = await told();
    await door.bounced({ messageId: first.messageId });
    expect([await world.mark(first.teamId), await world.mark(second)]).toMatchObject([
      { state: 'cleared' },
      { state: 'cleared' },
    ]);
    expect(await world.mark(other.teamId)).toMatchObject({ state: 'noticed' });
    expect((await lines('notice.bounced')).map(({ teamId }) => teamId as string).toSorted()).toEqual(
      [first.teamId, second].toSorted(),
    );
  });

  test('a mark that it has outlived stays as it is: the one of today went to somebody else', async () => {
    const { teamId, messageId } = await told();
    await sql`update evenfall.team_deletion set state = 'cleared', cleared_at = now(), cleared_why = 'test'`;
    await sql`update public.users set email = 'moved@people.example'`;
    world.at(afterSixMonths(days(1)));
    await world.marked(teamId);
    await door.bounced({ messageId });
    expect(await world.mark(teamId)).toMatchObject({ state: 'noticed' });
    expect(recipients()).toHaveLength(2);
  });

  test('a soft bounce and a complaint void nothing; after a complaint the next is written to', async () => {
    const { teamId, to, messageId, date } = await told();
    await door.tell({ type: 'bounce', permanent: false, messageId, recipient: to });
    await door.complained({ messageId });
    expect(await world.mark(teamId)).toMatchObject({ state: 'noticed' });
    expect(await world.history(teamId)).toEqual(['notice.sent', 'team.marked', 'notice.complained']);
    await sql`update evenfall.team_deletion set state = 'cleared', cleared_at = now(), cleared_why = 'test'`;
    await daysLater(1);
    expect(recipients()).toEqual([to, desk]);
    world.at(new Date(date.getTime() + days(2)));
    await world.sweepAndRun(deleteInactiveTeam.name);
    expect(await world.rows.exists('teams', teamId)).toBe(false);
  });

  test('the same once more changes nothing, nor does one of another mail to the same recipient', async () => {
    const { teamId, to, messageId } = await told();
    await door.bounced({ messageId });
    const after = await world.history(teamId);
    await door.bounced({ messageId });
    await door.tell(
      { type: 'bounce', permanent: true, recipient: to },
      { type: 'bounce', permanent: true, recipient: to, messageId: '<newsletter@acme.example>' },
    );
    expect(await world.history(teamId)).toEqual(after);
    expect(await world.findings()).toEqual([]);
  });

  test.for([
    ['deleting', 'messageId'],
    ['deleting', 'recipient'],
    ['deleted', 'messageId'],
    ['deleted', 'recipient'],
  ] as const)('too late, for it is %s (by %s): people are told, once', async ([state, by]) => {
    const { teamId, date, to, messageId } = await told();
    world.at(new Date(date.getTime() + 1_000));
    await world.sweepAndRun(deleteInactiveTeam.name);
    const mark = await world.mark(teamId);
    expect(mark).toMatchObject({ state: 'deleted' });
    if (state === 'deleting') {
      await sql`
        update evenfall.team_deletion set state = 'deleting', deleted_at = null, owner_outcome = null`;
    }
    for (let times = 0; times < 2; times++) {
      await door.bounced(by === 'messageId' ? { messageId } : { recipient: to });
    }
    expect(await world.mark(teamId)).toMatchObject({ state });
    expect(await world.findings()).toMatchObject([
      { kind: 'bounced-too-late', subject: `team:${teamId}`, teamId },
    ]);
    expect(await sql`select from evenfall.job where kind = 'alert-finding'`).toHaveLength(1);
  });
});

describe('[P3] the bounce and the sending', () => {
  /** Each way for the provider to say which mail it was. */
  const ways = ['messageId', 'recipient'] as const;

  test.for(ways.flatMap((by) => [[by, 'effect.acted'] as const, [by, 'effect.claimed'] as const]))(
    'by its %s at %s, before the sending is written down: no clock starts, and the mark is taken back',
    async ([by, point]) => {
      const { teamId, ownerId } = await world.sleepingTeam();
      const recipient = await world.emailOf(ownerId);
      await world.ask(kind, { teamId });
      await world.meanwhileAt(point, async () => {
        const [effect] = await sql`select key from evenfall.effect where state = 'claimed'`;
        const messageId = messageIdOf(String(effect!['key']), 'acme.example');
        await door.bounced(by === 'messageId' ? { messageId } : { recipient });
      });
      expect(recipients()).toEqual([recipient]);
      expect(await world.mark(teamId)).toMatchObject({
        state: 'cleared',
        clearedWhy: 'its notice bounced',
        noticeSentAt: null,
      });
      expect(await world.history(teamId)).toEqual(['notice.sent', 'notice.bounced', 'team.mark-cleared']);
      expect(await lines('team.mark-cleared')).toMatchObject([{ source: `job:${kind}` }]);
    },
  );

  test('a bounce that is being taken in is waited for by the sending, which sees it', async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    const recipientHash = testHash(await world.emailOf(ownerId));
    await world.ask(kind, { teamId });
    const waited = await world.beside(
      async (other) => {
        const tx = bindStatements(other);
        await tx.holdRecipient({ recipientHash });
        await tx.suppressRecipient({ recipientHash, why: 'bounce', now: world.now() });
      },
      (open) => world.meanwhileAt('effect.acted', open),
    );
    expect(waited).toBe(true);
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', noticeSentAt: null });
  });

  test('a sending that is being written down is waited for by the bounce, which takes its mark back', async () => {
    const { teamId, to } = await told();
    const [mark] = await sql`
      update evenfall.team_deletion set state = 'marking', notice_sent_at = null, delete_after = null returning id`;
    const notice = await sql`delete from evenfall.notice returning *`;
    const other = await sql.reserve();
    try {
      const tx = bindStatements(other);
      await other`begin`;
      const sent = notice[0] as unknown as Parameters<typeof tx.recordNotice>[0];
      await tx.recordNotice(sent);
      const markId = Number(mark!['id']);
      await tx.holdRecipientOfMark({ markId });
      await tx.startClock({ id: markId, sentAt: world.now(), deletionNotice: 'P7D' });
      let over = false;
      const bouncing = door.bounced({ recipient: to }).finally(() => (over = true));
      expect(await untilBlocked(sql, () => over)).toBe(true);
      await other`commit`;
      await bouncing;
    } finally {
      other.release();
    }
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', clearedWhy: 'its notice bounced' });
  });

  test('a complaint before the sending is written down: the clock starts, for the mail has arrived', async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    const recipient = await world.emailOf(ownerId);
    await world.ask(kind, { teamId });
    await world.meanwhileAt('effect.acted', () => door.complained({ recipient }));
    expect(await world.mark(teamId)).toMatchObject({ state: 'noticed' });
  });

  test('a deletion that is under way is waited for by the bounce, and told', async () => {
    const { teamId, to } = await told();
    const other = await sql.reserve();
    try {
      await other`begin`;
      await other`update evenfall.team_deletion set state = 'deleting', deleting_at = now()`;
      let over = false;
      const bouncing = door.bounced({ recipient: to }).finally(() => (over = true));
      expect(await untilBlocked(sql, () => over)).toBe(true);
      await other`commit`;
      await bouncing;
    } finally {
      other.release();
    }
    expect(await world.mark(teamId)).toMatchObject({ state: 'deleting' });
    expect(await world.findings()).toMatchObject([{ kind: 'bounced-too-late', teamId }]);
  });

  test('the worker died while it sent, then the bounce came: a person says that it went out, and no clock starts', async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    await world.ask(kind, { teamId });
    await world.dieAt('effect.acted');
    await door.bounced({ recipient: await world.emailOf(ownerId) });
    await world.runAll({ policy });
    const [effect] = await sql`select id from evenfall.effect where state = 'unknown'`;
    await database.statements.settleUnknown({ id: effect!['id'] as number, happened: true, who: 'operator' });
    const [dead] = await sql`select id from evenfall.job where kind = ${kind}`;
    await database.statements.replay({ id: dead!['id'] as number, resolution: 'test' });
    await world.runAll({ policy });
    expect(recipients()).toHaveLength(1);
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', noticeSentAt: null });
    await daysLater(1);
    expect(recipients()[1]).toBe(desk);
    expect(await world.mark(teamId)).toMatchObject({ state: 'noticed' });
  });

  test('nobody knows whether it went out, but it bounced: its mark is taken back', async () => {
    const { teamId, ownerId } = await world.sleepingTeam();
    await world.ask(kind, { teamId });
    await world.dieAt('effect.acted');
    await world.runAll();
    const [effect] = await sql`select key from evenfall.effect where state = 'unknown'`;
    await door.bounced({ messageId: messageIdOf(String(effect!['key']), 'acme.example') });
    expect(await world.mark(teamId)).toMatchObject({ state: 'cleared', clearedWhy: 'its notice bounced' });
    expect(await sql`select recipient_hash from evenfall.suppressed_recipient`).toEqual([
      { recipientHash: testHash(await world.emailOf(ownerId)) },
    ]);
  });

  const points: Failpoint[] = ['effect.claimed', 'effect.acted', 'effect.settled', 'run.ended'];
  const event = fc.record({
    what: fc.constantFrom('bounce', 'bounce', 'soft', 'complaint', 'keep', 'subscribe'),
    by: fc.constantFrom(...ways),
    at: fc.constantFrom<Failpoint | 'afterwards'>(...points, 'afterwards'),
  });

  test('in any order, at once and more than once, beside the keep link and a subscription: a bounced notice starts or keeps no clock, and is noted once', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 5 }), async (events) => {
        await world.clear();
        const customer = standIn.seed.customer().id;
        const { teamId, ownerId } = await world.sleepingTeam({ stripe_customer_id: customer });
        await world.mirror(customer);
        const recipient = await world.emailOf(ownerId);
        const happens = async ({ what, by }: (typeof events)[number]) => {
          const mark = await world.mark(teamId);
          if (what === 'subscribe') return await world.mirrorSubscription(customer);
          if (what === 'keep') {
            const path = `/keep/${keepToken(testSecretKey, mark!['id'] as number)}`;
            return await door.get(path, { method: 'POST' });
          }
          const occasion = (mark!['announcedDeleteAt'] as Date).toISOString();
          const key = `mail:deletion-notice:team:${teamId}:${occasion}`;
          const mail = by === 'messageId' ? { messageId: messageIdOf(key, 'acme.example') } : { recipient };
          if (what === 'complaint') return await door.complained(mail);
          return await door.tell({ type: 'bounce', permanent: what === 'bounce', ...mail });
        };
        const allAt = (point: string) => Promise.all(events.filter(({ at }) => at === point).map(happens));
        await world.ask(kind, { teamId });
        await world.runOnce({ failpoint: async (point) => void (await allAt(point)) });
        await allAt('afterwards');

        const mark = await world.mark(teamId);
        const history = await world.history(teamId);
        const bounces = events.some(({ what }) => what === 'bounce');
        const saved = events.some(({ what }) => what === 'keep' || what === 'subscribe');
        expect(mark!['state']).toBe(bounces || saved ? 'cleared' : 'noticed');
        const count = (what: string) => history.filter((one) => one === what).length;
        expect(count('notice.bounced')).toBe(bounces ? 1 : 0);
        expect(count('team.mark-cleared') + count('team.kept')).toBe(bounces || saved ? 1 : 0);
        expect(recipients()).toEqual([recipient]);
        world.at(new Date(world.now().getTime() + days(30)));
        const toDelete = await world.list(deleteInactiveTeam.name);
        expect(toDelete).toHaveLength(bounces || saved ? 0 : 1);
      }),
      { numRuns: 60 },
    );
  }, 120_000);
});

describe('the sweep', () => {
  test('a team whose notice bounced is found again; one that nobody can be written to about waits for a person', async () => {
    const { teamId, to } = await told();
    expect(await due()).toEqual([]);
    await door.bounced({ recipient: to });
    expect(await due()).toEqual([teamId]);
    await world.sweep(kind);
    await world.runAll();
    expect(await due()).toEqual([]);
  });
});

test('[P7] after all of this no address is kept or logged anywhere: not the owner’s, the customer’s, the fallback’s', async () => {
  const customer = standIn.seed.customer({ email: 'books@harbour.example' }).id;
  await world.mirror(customer);
  const { to, messageId } = await told({ stripe_customer_id: customer });
  await door.tell({ type: 'bounce', permanent: true, messageId, recipient: to });
  await daysLater(1);
  await door.bounced({ recipient: 'books@harbour.example' });
  await daysLater(1);
  await door.complained({ recipient: desk });
  await door.bounced({ recipient: desk });
  await daysLater(1);
  await door.get('/webhooks/mail', { method: 'POST', body: JSON.stringify({ recipient: to }) });
  expect(recipients()).toEqual([to, 'books@harbour.example', desk]);
  const kept = `${await everythingKept(sql)}${JSON.stringify([door.lines, log.lines])}`;
  expect(kept).toContain(testHash(to));
  expect(kept).not.toMatch(/people\.example|harbour\.example|desk@/i);
});
