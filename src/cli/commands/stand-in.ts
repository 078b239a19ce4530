import { once } from 'node:events';
import { FixtureError, readFixtures, startStripeStandIn } from '../../stand-ins/stripe/index.ts';
import type { StripeStandIn } from '../../stand-ins/stripe/index.ts';
import { WrongCall } from '../exit.ts';
import { print } from '../output.ts';

/** `evenfall stripe-stand-in --port N [--host ADDRESS] [--fixtures FILE]` */
export async function stripeStandInCommand(options: {
  port: string;
  host: string;
  fixtures?: string;
}): Promise<void> {
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 0 || port > 65_535)
    throw new WrongCall('--port must be a port number');
  const standIn = await open({ port, host: options.host }, options.fixtures);
  print(`The Stripe stand-in listens on ${standIn.url} (STRIPE_API_BASE=${standIn.url})`);
  await Promise.race([once(process, 'SIGINT'), once(process, 'SIGTERM')]);
  await standIn.close();
}

async function open(at: { port: number; host: string }, file: string | undefined): Promise<StripeStandIn> {
  try {
    const fixtures = file === undefined ? {} : { fixtures: await readFixtures(file) };
    return await startStripeStandIn({ ...at, ...fixtures });
  } catch (error) {
    if (error instanceof FixtureError) throw new WrongCall(error.message);
    if (error instanceof Error && 'code' in error && error.code === 'EADDRINUSE') {
      throw new WrongCall(`port ${at.port} is in use by another process; --port 0 takes a free one`);
    }
    throw error;
  }
}
