import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import type { Config } from '../../config.ts';
import { print } from '../output.ts';

/** The same at every start: so much of the environment can be checked before anything is started. */
const settled = {
  STRIPE_SECRET_KEY: 'sk_test_embedded',
  STRIPE_WEBHOOK_SECRET: 'whsec_embedded',
  SECRET_KEY: 'of no use outside of this machine',
};

/** The environment as it will be, with something in the place of each address. */
export const foreseen = {
  ...settled,
  DATABASE_URL: 'postgres://to-come',
  REDIS_URL: 'redis://to-come',
  STRIPE_API_BASE: 'http://to-come',
};

/**
 * Services of our own in .evenfall/, and stand-ins for what is not configured: a machine that has nothing can start.
 *
 * @param path where to look for programs
 * @param given what of the environment is ours to make up where it is not set
 */
export async function openEmbedded(
  path: string | undefined,
  given: Pick<Config, 'API_TOKEN' | 'DASHBOARD_USERS'>,
) {
  const { startEmbedded } = await import('../../embedded/index.ts');
  const { startExampleApp } = await import('./example-app.ts');
  const { deliverEvents } = await import('../../stand-ins/stripe/index.ts');
  const dir = join(process.cwd(), '.evenfall');
  const services = await startEmbedded({ dir, durable: true, path, log: print });
  const standIn = await startExampleApp(services.databaseUrl, join(dir, 'stripe.json'));
  const secret = () => randomBytes(8).toString('hex');
  const env = {
    DATABASE_URL: services.databaseUrl,
    REDIS_URL: services.redisUrl,
    ...settled,
    STRIPE_API_BASE: standIn.url,
    ...(given.API_TOKEN === undefined && { API_TOKEN: `embedded-${secret()}` }),
    ...(given.DASHBOARD_USERS === undefined && { DASHBOARD_USERS: `operator:${secret()}:operator` }),
  };
  return {
    env,
    deliverTo: (webUrl: string) =>
      deliverEvents(standIn.store, {
        url: `${webUrl}/webhooks/stripe`,
        secret: settled.STRIPE_WEBHOOK_SECRET,
      }),
    async stop() {
      await standIn.close();
      await services.stop();
    },
  };
}

/** What to type in a second shell, so that every command works there: secrets of this machine alone. */
export function settingsFor(env: Readonly<Record<string, string | undefined>>, webUrl: string): string {
  const lines = Object.entries(env).map(([name, value]) =>
    value === undefined ? `unset ${name}` : `export ${name}='${value}'`,
  );
  return `
Evenfall listens on ${webUrl}, with Bull Board on ${webUrl}/queues for DASHBOARD_USERS.
For a second shell, in which every command then works, such as npx evenfall jobs:

${lines.join('\n')}

Ctrl-C ends it here; the data stay in .evenfall/.
`;
}
