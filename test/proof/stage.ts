import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, inject } from 'vitest';
import { redisAsText, tablesAsText } from '../../chaos/traces.ts';
import type { Place } from '../../chaos/traces.ts';
import { startInbox } from '../../src/stand-ins/inbox/index.ts';
import { startStripeStandIn } from '../../src/stand-ins/stripe/index.ts';
import { createTestDatabase } from '../support/database.ts';
import { evenfall, workerEnv } from '../support/processes.ts';
import type { Built, Running } from '../support/processes.ts';
import { ownRedis } from '../support/worker.ts';
import { openCast } from './cast.ts';

export const apiToken = 'the-token-of-the-proof';
export const webhookSecret = 'whsec_proof';
export const operators = 'operators@acme.example';
const patienceMs = 90_000;
const pollMs = 100;

/**
 * A whole installation in processes of its own, on Redis where there is one, with everything that it says to anybody
 * kept: what the processes write, what the alerts' receiver is posted, every mail.
 */
export async function openStage(seed: number) {
  const { url, sql } = await createTestDatabase();
  const redis = inject('redisUrl');
  const redisUrl = redis === undefined ? undefined : await ownRedis(redis, 15);
  const stripe = await startStripeStandIn();
  const inbox = await startInbox();
  const posts: string[] = [];
  const receiver = createServer((request, response) => {
    void text(request).then((body) => {
      posts.push(`${JSON.stringify(request.headers)} ${body}`);
      response.end();
    });
  });
  await new Promise<void>((resolve) => receiver.listen(0, '127.0.0.1', resolve));
  const programs: Running[] = [];
  afterAll(async () => {
    await Promise.all(programs.map((program) => program.end()));
    await Promise.all([stripe.close(), inbox.close()]);
    receiver.close();
  });

  const env = {
    ...workerEnv({ databaseUrl: url, redisUrl, stripeUrl: stripe.url }),
    SMTP_URL: inbox.smtpUrl,
    MAIL_FROM: 'Acme Boards <billing@acme.example>',
    ALERT_EMAIL: operators,
    ALERT_WEBHOOK_URL: `http://127.0.0.1:${(receiver.address() as AddressInfo).port}/alerts`,
    APP_URL: 'https://app.acme.example/billing',
    PUBLIC_URL: 'https://evenfall.acme.example',
    API_TOKEN: apiToken,
    STRIPE_WEBHOOK_SECRET: webhookSecret,
    STRIPE_REQUESTS_PER_SECOND: '1000',
    DASHBOARD_USERS: 'otto:turns-knobs:operator,vera:sees-all:viewer',
    POLICY_CARD_WINDOW: 'P40D',
    POLICY_DELETION_REMINDER: 'P3D',
    POLICY_FUSE_SHARE: '1',
    POLICY_FUSE_MAX: '1000',
    POLICY_ERASE_STRIPE_CUSTOMER: 'delete',
    LOG_LEVEL: 'debug',
  };

  const stage = {
    sql,
    stripe,
    inbox,
    cast: openCast(seed, sql, stripe),
    /** What a person saw, and it is not kept by us: to be searched all the same. */
    seen: [] as Place[],

    async startWorker(built: Built, failpoint?: string): Promise<Running> {
      const worker = evenfall(built, ['worker'], { ...env, EVENFALL_FAILPOINT: failpoint });
      programs.push(worker);
      await worker.saw(/"msg":"working"/);
      return worker;
    },

    async startWeb(built: Built): Promise<string> {
      const web = evenfall(built, ['web'], { ...env, PORT: '0' });
      programs.push(web);
      await web.saw(/"msg":"listening"/);
      return `http://127.0.0.1:${/"port":(\d+)/.exec(web.output())?.[1]}`;
    },

    /** What an operator types. */
    async type(built: Built, args: readonly string[]): Promise<void> {
      const command = evenfall(built, args, env);
      programs.push(command);
      await command.exited;
    },

    /** As the app does it. */
    async ask(kind: string, payload: object): Promise<number> {
      const [row] = await sql`select evenfall.enqueue(${kind}, ${sql.json(payload as never)}) as id`;
      return Number(row!['id']);
    },

    /** @throws Error when it does not become true in time */
    async until(what: string, isTrue: () => Promise<boolean>): Promise<void> {
      const deadline = performance.now() + patienceMs;
      while (!(await isTrue())) {
        if (performance.now() > deadline) throw new Error(`${what}: not within ${patienceMs / 1_000} s`);
        await sleep(pollMs);
      }
    },

    /** Nothing lives any more, and people were told of what is to be told. */
    async idle(what: string): Promise<void> {
      await stage.until(what, async () => {
        const [row] = await sql`
          select
            (select count(*)::int from evenfall.job where state in ('queued', 'dispatched', 'running', 'parked')) as live,
            (select count(*)::int from evenfall.dead_letter where alerted_at is null) as letters,
            (select count(*)::int from evenfall.finding where alerted_at is null) as findings`;
        return row!['live'] + row!['letters'] + row!['findings'] === 0;
      });
    },

    logged: () => programs.map((program) => program.output()).join('\n'),

    /** Everything that is kept or was said, but for the app's own tables and the mails to people. */
    async places(): Promise<Readonly<Record<string, Place[]>>> {
      return {
        tables: await tablesAsText(sql, ['evenfall', 'bullmq']),
        redis: redisUrl === undefined ? [] : await redisAsText(redisUrl),
        logs: programs.flatMap((program) =>
          program
            .output()
            .split('\n')
            .map((line) => ({ where: 'log', text: line })),
        ),
        'posted alerts': posts.map((body) => ({ where: 'alert webhook', text: body })),
        'mailed alerts': stage.mailsTo((to) => to === operators),
        'pages and metrics': stage.seen,
      };
    },

    mailsTo: (isWanted: (to: string) => boolean): Place[] =>
      inbox.messages
        .filter(({ envelope }) => envelope.to.some(isWanted))
        .map((message) => ({ where: message.envelope.to.join(), text: JSON.stringify(message) })),
  };
  return stage;
}

export type Stage = Awaited<ReturnType<typeof openStage>>;
