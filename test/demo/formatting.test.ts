import { describe, expect, it } from 'vitest';
import {
  deadLetterLine,
  deliveryLine,
  eventLine,
  findingLines,
  formatLine,
  historyLine,
  jobLines,
  keptOwnerLine,
  noticeLine,
  requestLine,
  scheduleLines,
} from '../../demo/lines.ts';
import type { JobRow } from '../../demo/lines.ts';
import { formatTable } from '../../demo/table.ts';
import type { RequestRecord } from '../../src/stand-ins/stripe/index.ts';

const at = new Date(2026, 2, 14, 9, 5, 7, 42);
const later = new Date(at.getTime() + 1_500);

const job: JobRow = {
  id: 7,
  kind: 'cancel-subscription',
  payload: { teamId: '3', when: 'at_period_end' },
  team: 'team 3 Amber Kiln',
  state: 'queued',
  attempts: 0,
  crashes: 0,
  source: 'sql',
  runAt: at,
  waitingSince: null,
  createdAt: at,
  startedAt: null,
  finishedAt: null,
  outcome: null,
  lastError: null,
};

const paste = (args: string) => `evenfall ${args}`;

describe('a line', () => {
  const line = {
    at,
    what: 'job 7 done',
    who: 'team 3 Amber Kiln',
    why: 'cancelled sub_1',
    tone: 'good',
  } as const;

  it('says when, what, who and why', () => {
    expect(formatLine(line, false)).toBe(
      '09:05:07.042  job 7 done                team 3 Amber Kiln             cancelled sub_1',
    );
  });

  it('has colours only where they are wanted', () => {
    expect(formatLine(line, true)).toBe(`\u001B[32m${formatLine(line, false)}\u001B[0m`);
    expect(formatLine({ ...line, tone: 'plain' }, true)).toBe(formatLine(line, false));
  });

  it('has the date where business time is ahead', () => {
    expect(formatLine({ ...line, who: '', why: '' }, false, 7 * 86_400_000)).toBe(
      '2026-03-21 09:05:07.042  job 7 done',
    );
  });

  it('ends with its last word', () => {
    expect(formatLine({ ...line, who: '', why: '' }, false)).toBe('09:05:07.042  job 7 done');
  });
});

describe('a job', () => {
  it('is told of when it is asked for, tried again, taken over and over', () => {
    const retried = {
      ...job,
      state: 'dispatched',
      attempts: 1,
      runAt: later,
      lastError: { message: 'no answer' },
    };
    const waiting = { ...retried, waitingSince: later, runAt: new Date(later.getTime() + 1_000) };
    const crashed = { ...waiting, state: 'running', crashes: 1, startedAt: later };
    const outcome = { detail: { cancelled: ['sub_1', 'sub_2'], alreadyOver: [] } };
    const ended = { ...crashed, state: 'done', finishedAt: later, outcome };
    const told = [
      ...jobLines(undefined, job, at),
      ...jobLines(job, retried, at),
      ...jobLines(retried, waiting, at),
      ...jobLines(waiting, crashed, at),
      ...jobLines(crashed, ended, at),
    ];
    expect(told.map(({ what, why, tone }) => [what, why, tone])).toEqual([
      ['job 7 asked for', 'cancel-subscription at period end (by sql)', 'plain'],
      ['job 7 will try again', 'in 1.5 s: no answer', 'bad'],
      ['job 7 waits, and looks again', 'in 2.5 s: no answer', 'bad'],
      ['job 7 taken over', 'its worker died: it runs again, and no attempt is used up', 'bad'],
      ['job 7 done', 'cancelled sub_1 sub_2', 'good'],
    ]);
  });

  it('is told of in one go when all of it was missed', () => {
    const ended = {
      ...job,
      state: 'dead',
      attempts: 1,
      finishedAt: later,
      lastError: { message: 'refused' },
    };
    expect(jobLines(undefined, ended, later).map(({ what, why }) => [what, why])).toEqual([
      ['job 7 asked for', 'cancel-subscription at period end (by sql)'],
      ['job 7 dead', 'refused'],
    ]);
  });

  it('without a payload is told of by its kind', () => {
    const sweeping = { ...job, kind: 'delete-unverified-users', payload: {}, source: 'http' };
    expect(jobLines(undefined, sweeping, at).map(({ why }) => why)).toEqual([
      'delete-unverified-users (by http)',
    ]);
  });

  it('that searches is told of with what is searched for', () => {
    const search = { ...job, kind: 'sweep', payload: { sweep: 'delete-inactive-team' } };
    expect(jobLines(undefined, search, at)[0]?.why).toBe('sweep delete-inactive-team (by sql)');
  });

  it('is told of once', () => {
    expect(jobLines(job, job, later)).toEqual([]);
  });

  it('is told of again when it is replayed', () => {
    const dead = { ...job, state: 'dead', finishedAt: at };
    expect(jobLines(dead, job, later).map(({ what }) => what)).toEqual(['job 7 asked for again']);
  });
});

describe('what happens outside', () => {
  const request: RequestRecord = {
    id: 'req_1',
    time: at.toISOString(),
    method: 'DELETE',
    path: '/v1/subscriptions/sub_1',
    params: {},
    status: 200,
    idempotencyKey: null,
    fault: null,
    acted: true,
    replayed: false,
  };

  it('tells of writes and of failures, not of reads that went well', () => {
    const tell = (changes: Partial<RequestRecord>) => requestLine({ ...request, ...changes }, 'team 3', at);
    expect(tell({ method: 'GET' })).toBeUndefined();
    expect(tell({})).toMatchObject({
      what: 'Stripe 200',
      why: 'DELETE subscriptions/sub_1, it happened (req_1)',
    });
    expect(tell({ status: null, fault: 'hang' })).toMatchObject({ what: 'Stripe no answer', tone: 'bad' });
    expect(tell({ status: 500, acted: false, fault: 'server-error' })).toMatchObject({
      what: 'Stripe 500',
      why: 'DELETE subscriptions/sub_1, nothing happened (req_1)',
    });
  });

  it('tells of history and dead letters with what is known of them', () => {
    const history = {
      what: 'subscription.cancelled',
      team: 'team 3',
      subject: 'subscription:sub_1',
      detail: {},
    };
    expect(historyLine({ ...history, detail: { status: 'canceled' } }, at).why).toBe(
      'subscription.cancelled: subscription sub_1, now canceled',
    );
    const letter = {
      id: 1,
      jobId: 7,
      team: '',
      at,
      class: 'stripe_auth',
      code: null,
      error: { httpStatus: 403 },
    };
    expect(deadLetterLine(letter).why).toBe('job 7: stripe_auth, HTTP 403');
  });
});

describe('an ending', () => {
  const day = '2026-03-14T08:26:53.000Z';
  it.each([
    [
      'team.marked',
      'team:3',
      { mark: 1, deleteAfter: day },
      'team marked',
      'to be deleted after 2026-03-14 08:26 UTC',
    ],
    ['team.mark-cleared', 'team:3', { why: 'it has subscribed' }, 'mark taken back', 'it has subscribed'],
    [
      'team.kept',
      'team:3',
      { until: day },
      'team kept',
      'by the link in its notice, until 2026-03-14 08:26 UTC',
    ],
    ['team.deleted', 'team:3', { mark: 1 }, 'team deleted', 'its date has passed, and nothing speaks for it'],
    ['user.deleted', 'user:5', { why: 'never verified' }, 'user deleted', 'user 5: never verified'],
    ['user.spared', 'user:5', { why: 'Stripe has cus_1' }, 'user spared', 'user 5: Stripe has cus_1'],
    [
      'user.deactivated',
      'user:5',
      { cancelled: ['sub_1', 'sub_2'] },
      'user deactivated',
      'user 5, cancelled sub_1 sub_2',
    ],
    ['user.deactivated', 'user:5', { cancelled: [] }, 'user deactivated', 'user 5'],
    ['fuse.released', 'fuse:a-kind', { acts: 20, why: 'meant' }, 'fuse released', 'a-kind, 20 acts: meant'],
  ])('is told of in words of its own: %s', (what, subject, detail, says, why) => {
    expect(historyLine({ what, team: 'team 3', subject, detail }, at)).toMatchObject({
      what: says,
      why,
      who: 'team 3',
    });
  });

  it('is told of with the owner who was kept', () => {
    expect(
      keptOwnerLine({ id: 1, team: 'team 3', ownerId: '5', why: 'owns another team' }, at),
    ).toMatchObject({
      what: 'owner kept',
      who: 'team 3',
      why: 'user 5: owns another team',
    });
  });

  it('that is held back is told of with what people are told', () => {
    expect(
      findingLines(
        { id: 2, kind: 'stripe-veto', subject: 'team:3', team: 'team 3', message: 'Stripe knows sub_1.' },
        paste,
        at,
      ),
    ).toMatchObject([
      { what: 'finding 2', who: 'team 3', why: 'stripe-veto: Stripe knows sub_1.', tone: 'bad' },
    ]);
  });

  it('that blows a fuse is told of with the command that releases it', () => {
    const blown = { id: 3, kind: 'fuse-blown', subject: 'fuse:a-kind', team: '', message: 'It has blown.' };
    expect(findingLines(blown, paste, at).map(({ what, why }) => [what, why])).toEqual([
      ['finding 3', 'fuse-blown: It has blown.'],
      ['to release the fuse', "evenfall fuse release a-kind --acts 100 --why 'seen in the demo'"],
    ]);
  });
});

describe('what the billing tables hold', () => {
  const team = 'team 3';

  it('tells of mails sent, and of those that were not, with the reason', () => {
    const notice = {
      kind: 'trial-ending',
      subject: 'subscription:sub_1',
      team,
      state: 'sent',
      reason: null,
    };
    expect(noticeLine(notice, at)).toMatchObject({
      what: 'notice sent',
      why: 'trial-ending about subscription sub_1',
      tone: 'good',
    });
    expect(noticeLine({ ...notice, state: 'suppressed', reason: 'it is over' }, at)).toMatchObject({
      what: 'notice suppressed',
      why: 'trial-ending about subscription sub_1: it is over',
      tone: 'plain',
    });
    expect(noticeLine({ ...notice, state: 'unknown' }, at).tone).toBe('bad');
  });

  it('tells of events, and why nothing follows', () => {
    const event = { id: 'evt_1', at, type: 'customer.updated', objectId: 'cus_1', team, ignored: null };
    expect(eventLine(event)).toMatchObject({
      what: 'event received',
      who: team,
      why: 'customer.updated of cus_1 (evt_1)',
    });
    expect(eventLine({ ...event, objectId: null, ignored: 'it names no customer' }).why).toBe(
      'customer.updated (evt_1): it names no customer',
    );
  });

  it('tells of deliveries only what is not usual', () => {
    const delivery = { event: 'evt_1', type: 'customer.updated', status: 200 };
    expect(deliveryLine(delivery, false, at)).toBeUndefined();
    expect(deliveryLine(delivery, true, at)).toMatchObject({ what: 'event once more', tone: 'quiet' });
    expect(deliveryLine({ ...delivery, status: 503 }, false, at)).toMatchObject({
      what: 'event not taken',
      why: 'customer.updated (evt_1), answered 503',
      tone: 'bad',
    });
    expect(deliveryLine({ ...delivery, status: null }, true, at)?.why).toContain('no answer');
  });

  it('tells in one line of all occurrences that came to the same', () => {
    const run = (minute: number, outcome: string, reason: string | null) => ({
      at,
      schedule: 'trial-ending-email',
      dueAt: new Date(Date.UTC(2026, 2, 14, 9, minute)),
      outcome,
      reason,
    });
    const rows = [
      run(0, 'skipped', 'superseded'),
      run(10, 'skipped', 'superseded'),
      run(20, 'caught_up', null),
    ];
    expect(scheduleLines(rows).map(({ what, why }) => [what, why])).toEqual([
      [
        'schedule skipped',
        'trial-ending-email, due 2026-03-14 09:00 to 2026-03-14 09:10 UTC, 2 times: superseded',
      ],
      ['schedule caught up', 'trial-ending-email, due 2026-03-14 09:20 UTC'],
    ]);
    expect(scheduleLines([])).toEqual([]);
  });
});

describe('the table', () => {
  const rows = [
    { scene: 'One', expected: 'the job: done', seen: 'done', ok: true },
    { scene: 'One', expected: 'crashes: 1', seen: '2', ok: false },
    { scene: 'Two', expected: 'it plays to its end', seen: 'waited in vain\nat play (story.ts)', ok: false },
  ];

  it('names each scene once and marks what does not agree', () => {
    expect(formatTable(rows, false)).toBe(
      [
        'scene  expected             seen            ok',
        '─────  ───────────────────  ──────────────  ───',
        'One    the job: done        done            yes',
        '       crashes: 1           2               NO',
        'Two    it plays to its end  waited in vain  NO',
      ].join('\n'),
    );
  });

  it('colours what does not agree', () => {
    const [, , good, bad] = formatTable(rows, true).split('\n');
    expect(good).not.toContain('\u001B');
    expect(bad).toBe(`\u001B[31m${formatTable(rows, false).split('\n')[3]}\u001B[0m`);
  });
});
