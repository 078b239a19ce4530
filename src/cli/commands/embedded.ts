import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import postgres from 'postgres';
import { packageRoot } from '../../package-root.ts';
import { print } from '../output.ts';

const webhookSecret = 'whsec_embedded';

/** Services of our own in .evenfall/, and stand-ins for what is not configured: a machine that has nothing can start. */
export async function openEmbedded(path: string | undefined) {
  const { startEmbedded } = await import('../../embedded/index.ts');
  const { deliverEvents, startStripeStandIn } = await import('../../stand-ins/stripe/index.ts');
  const services = await startEmbedded({
    dir: join(process.cwd(), '.evenfall'),
    durable: true,
    path,
    log: print,
  });
  const client = postgres(services.databaseUrl, { max: 1, onnotice: () => {} });
  await client.unsafe(readFileSync(join(packageRoot, 'sql', 'example-app.sql'), 'utf8'));
  await client.end();
  const standIn = await startStripeStandIn();
  print(`The Stripe stand-in listens on ${standIn.url}`);
  return {
    env: {
      DATABASE_URL: services.databaseUrl,
      REDIS_URL: services.redisUrl,
      STRIPE_SECRET_KEY: 'sk_test_embedded',
      STRIPE_WEBHOOK_SECRET: webhookSecret,
      SECRET_KEY: 'of no use outside of this machine',
      STRIPE_API_BASE: standIn.url,
    },
    deliverTo: (webUrl: string) =>
      deliverEvents(standIn.store, { url: `${webUrl}/webhooks/stripe`, secret: webhookSecret }),
    async stop() {
      await standIn.close();
      await services.stop();
    },
  };
}
