/**
 * A worker of the control: BullMQ's own defaults, and a handler as careful as one can be without a ledger. It asks
 * Stripe before it cancels, writes its history once, and sends the mail last.
 */
import { Worker } from 'bullmq';
import nodemailer from 'nodemailer';
import postgres from 'postgres';
import Stripe from 'stripe';

interface Payload {
  subscriptions?: string[];
  to?: string;
}

const env = process.env as Record<string, string>;
const sql = postgres(env['DATABASE_URL']!, { max: 5, onnotice: () => {} });
const at = new URL(env['STRIPE_URL']!);
const stripe = new Stripe('sk_test_chaos', {
  host: at.hostname,
  port: at.port,
  protocol: 'http',
  telemetry: false,
  maxNetworkRetries: 1,
});
const mail = nodemailer.createTransport({ url: env['SMTP_URL']! });

async function note(jobId: string, state: string): Promise<void> {
  await sql`insert into control.journal (job_id, state, pid) values (${jobId}, ${state}, ${process.pid})`;
}

const worker = new Worker<Payload>(
  'control',
  async (job) => {
    await note(job.id!, 'running');
    for (const id of job.data.subscriptions ?? []) {
      const { status } = await stripe.subscriptions.retrieve(id);
      if (status !== 'canceled') await stripe.subscriptions.cancel(id);
      await sql`insert into control.history (subject) values (${`subscription:${id}`}) on conflict do nothing`;
    }
    if (job.data.to !== undefined) {
      const from = 'Acme Boards <billing@acme.example>';
      await mail.sendMail({
        from,
        to: job.data.to,
        subject: 'Goodbye',
        text: 'Your account is deactivated.',
      });
    }
    await note(job.id!, 'done');
  },
  {
    connection: { url: env['REDIS_URL']!, maxRetriesPerRequest: null },
    concurrency: Number(env['CONCURRENCY']),
  },
);
worker.on('error', () => {});
void worker.waitUntilReady().then(() => process.stdout.write('working\n'));
process.once('SIGTERM', () => {
  void worker.close().then(() => process.exit());
});
