import { z } from 'zod';
import { allJobs } from '../jobs/index.ts';
import { Misconfigured } from './core/errors.ts';
import { failpoints } from './core/failpoints.ts';
import type { Failpoint } from './core/failpoints.ts';
import { daysOf, defaultPolicy, isoDuration } from './core/policy.ts';
import { callbackProblems } from './app-callback-settings.ts';
import { readHeartbeatUrls } from './heartbeat-urls.ts';

/** Names what each part of Evenfall needs; `database` is what every command needs. */
export type Role = 'database' | 'web' | 'worker';

const url = (...protocols: string[]) =>
  z.string().refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol), {
    error: `must be a URL that begins with ${protocols.map((protocol) => `${protocol}//`).join(' or ')}`,
  });

const flag = z.stringbool({ error: 'must be 1 or 0' }).default(false);

const dashboardUsers = z
  .string()
  .transform((text) => text.split(',').map((user) => user.trim().split(':')))
  .refine(
    (users) =>
      users.every(
        ([name, password, role, ...rest]) =>
          name && password && (role === 'viewer' || role === 'operator') && rest.length === 0,
      ),
    { error: 'must be name:password:role, comma-separated, with role viewer or operator' },
  )
  .transform((users) =>
    users.map(([name = '', password = '', role]) => ({
      name,
      password,
      role: role as 'viewer' | 'operator',
    })),
  );

const heartbeatUrls = z.string().transform((text, context) => {
  const schedules = allJobs.filter((job) => job.schedule !== undefined).map((job) => job.name);
  const { urls, problems } = readHeartbeatUrls(text, schedules);
  // without the input, which holds secrets
  if (problems.length > 0) context.addIssue({ code: 'custom', message: problems.join('; ') });
  return urls;
});

const duration = z.string().regex(isoDuration, 'must be an ISO 8601 duration, such as P3D or PT36H');

/** For how long something is kept: not for less than what needs it, nor for longer than can be counted back. */
const kept = (least: string, why: string) =>
  duration
    .refine((text) => daysOf(text).least >= daysOf(least).least, {
      error: `must be at least ${least}: ${why}`,
    })
    .refine((text) => daysOf(text).most <= daysOf('P100Y').most, { error: 'must be P100Y or less' });

const failpointPattern = /^([a-z.]+)(?::([a-z-]+))?=(kill|pause)(?:@(\d+))?$/;

const failpointSpec = z
  .string()
  .regex(
    failpointPattern,
    'must be POINT=kill or POINT=pause, with :KIND after the point for one kind of job, and @N for the Nth time',
  )
  .refine((text) => (/^[a-z.]*/.exec(text)?.[0] ?? '') in failpoints, { error: 'names no failpoint' })
  .transform((text) => {
    const [, point = '', kind, action = '', nth = '1'] = failpointPattern.exec(text) ?? [];
    return { point: point as Failpoint, kind, action: action as 'kill' | 'pause', nth: Number(nth) };
  });

/** Every environment variable, in the order of the documentation. `.env.example` is compared with it. */
export const variables = {
  DATABASE_URL: url('postgres:', 'postgresql:').meta({ about: "The app's own Postgres, 14 or newer." }),
  REDIS_URL: url('redis:', 'rediss:').optional().meta({
    about: 'BullMQ on Redis: the production path. AOF and maxmemory-policy noeviction are checked at boot.',
  }),
  QUEUE_BACKEND: z
    .enum(['redis', 'postgres'], { error: 'must be redis or postgres' })
    .optional()
    .meta({ about: 'Say `postgres` to run BullMQ on Postgres in production, without Redis.' }),
  STRIPE_SECRET_KEY: z
    .string()
    .regex(/^(sk|rk)_(test|live)_\w+$/, 'must be a Stripe secret or restricted key (sk_… or rk_…)')
    .meta({ about: 'A secret or restricted key: subscriptions and customers, read and write.' }),
  STRIPE_API_BASE: url('http:', 'https:')
    .optional()
    .meta({ about: 'A local stand-in for Stripe; refused with a live key.' }),
  STRIPE_REQUESTS_PER_SECOND: z.coerce
    .number({ error: 'must be a whole number from 1 to 1000' })
    .int()
    .min(1)
    .max(1_000)
    .default(20)
    .meta({
      about:
        "Requests to Stripe of all processes together; the rest of the account's rate is your app's. Default 20.",
    }),
  STRIPE_WEBHOOK_SECRET: z
    .string()
    .transform((text) => text.split(',').map((secret) => secret.trim()))
    .refine((secrets) => secrets.every((secret) => /^whsec_[\w+/=-]+$/.test(secret)), {
      error: 'must be signing secrets (whsec_…), comma-separated',
    })
    .optional()
    .meta({
      about: 'Of the webhook endpoint; both, comma-separated, while one is rotated. Needs STRIPE_SECRET_KEY.',
    }),
  SECRET_KEY: z.string().min(16, 'must have at least 16 characters').meta({
    about:
      'Signs the links in mails, and keeps e-mail addresses out of the database: they are stored hashed with it.',
  }),
  SMTP_URL: url('smtp:', 'smtps:').optional().meta({ about: 'Where mail goes out.' }),
  MAIL_FROM: z.string().min(3).optional().meta({ about: 'The sender of all mail; needed with SMTP_URL.' }),
  MAIL_WEBHOOK_SECRET: z
    .string()
    .transform((text) => text.split(',').map((secret) => secret.trim()))
    .refine((secrets) => secrets.every((secret) => secret.length >= 16), {
      error: 'must have at least 16 characters; two are comma-separated',
    })
    .optional()
    .meta({
      about:
        'The password of /webhooks/mail, where the mail provider tells of bounces; both, comma-separated, while one is rotated. Needs SECRET_KEY.',
    }),
  NOTICE_FALLBACK_EMAIL: z
    .email('must be one mail address')
    .optional()
    .meta({ about: 'Who gets a deletion notice whose owner cannot be written to.' }),
  ALERT_EMAIL: z
    .email('must be one mail address')
    .optional()
    .meta({ about: 'Who is told of dead letters and findings.' }),
  ALERT_WEBHOOK_URL: url('http:', 'https:')
    .optional()
    .meta({ about: 'Where dead letters and findings are posted as JSON.' }),
  SCHEDULE_HEARTBEATS: heartbeatUrls.optional().meta({
    about:
      'Monitors that hear of each schedule when its job has ended well: schedule=https://…, comma-separated; or *=https://…/{schedule} for all. Secret.',
  }),
  PUBLIC_URL: url('http:', 'https:')
    .optional()
    .meta({ about: 'Where this service is reached, for links in mails.' }),
  APP_URL: url('http:', 'https:').optional().meta({
    about:
      'The page of your app where a customer sees and changes the subscription and the card, for links in mails.',
  }),
  APP_CALLBACK_URL: url('http:', 'https:').optional().meta({
    about:
      'Where your app is asked before each deletion, and may refuse (docs/callback.md). In production https, unless the host is local.',
  }),
  APP_CALLBACK_SECRET: z.string().min(16, 'must have at least 16 characters').optional().meta({
    about: 'Signs those questions, so that your app knows who asks; needed with APP_CALLBACK_URL.',
  }),
  PORT: z.coerce.number({ error: 'must be a port number' }).int().min(0).max(65_535).optional().meta({
    about: 'The port of `evenfall web`, 3000 when unset. A worker with a PORT serves its health there.',
  }),
  API_TOKEN: z
    .string()
    .min(16, 'must have at least 16 characters')
    .optional()
    .meta({ about: 'Bearer token of the HTTP API and of /metrics; without it both are closed.' }),
  DASHBOARD_USERS: dashboardUsers.optional().meta({
    about: 'Who may see Bull Board: name:password:role, comma-separated; roles viewer and operator.',
  }),
  CONCURRENCY: z.coerce
    .number({ error: 'must be a whole number from 1 to 500' })
    .int()
    .min(1)
    .max(500)
    .default(10)
    .meta({ about: 'Jobs that one worker runs at once, in each queue. Default 10.' }),
  POLICY_TRIAL_REMINDERS: z
    .string()
    .default(defaultPolicy.trialReminders.join(','))
    .transform((text) => text.split(',').map((part) => part.trim()))
    .pipe(z.array(duration))
    .meta({ about: 'How long before a trial ends a mail says so: ISO 8601, comma-separated. Default P3D.' }),
  POLICY_CARD_WINDOW: duration
    .default(defaultPolicy.cardWindow)
    .meta({ about: 'How long before a card expires a mail says so: ISO 8601. Default P20D.' }),
  POLICY_UNVERIFIED_USER_AGE: duration.default(defaultPolicy.unverifiedUserAge).meta({
    about:
      'How old a user may become who never verified, has no team, no customer and no log-in. Default P10D.',
  }),
  POLICY_INACTIVE_TEAM_AGE: duration.default(defaultPolicy.inactiveTeamAge).meta({
    about:
      'How old a team may become that never subscribed, before it is marked; also how long a snooze or the keep link protects it. Default P6M.',
  }),
  POLICY_DELETION_NOTICE: duration
    .refine((text) => /[1-9]/.test(text), { error: 'must be longer than nothing' })
    .default(defaultPolicy.deletionNotice)
    .meta({ about: "From a team's notice to its deletion: ISO 8601. Default P7D." }),
  POLICY_DELETION_REMINDER: duration
    .refine((text) => daysOf(text).least > daysOf('PT1H').most, {
      error: 'must be longer than PT1H: in the last hour nobody is reminded any more',
    })
    .optional()
    .meta({
      about:
        'How long before its deletion a marked team is told once more: ISO 8601, shorter than the notice. Unset: not at all.',
    }),
  POLICY_FUSE_MAX: z.coerce
    .number({ error: 'must be a whole number from 1' })
    .int()
    .min(1)
    .default(defaultPolicy.fuseMax)
    .meta({ about: 'Teams marked, and teams deleted, in 24 hours at most; more blow the fuse. Default 50.' }),
  POLICY_FUSE_SHARE: z.coerce
    .number({ error: 'must be a number' })
    .gt(0, 'must be above 0')
    .max(1, 'must be 1 or less')
    .default(defaultPolicy.fuseShare)
    .meta({ about: 'The same as a share of the teams; the smaller counts, but at least 5. Default 0.05.' }),
  POLICY_FUSE_USERS: z.coerce
    .number({ error: 'must be a whole number from 1' })
    .int()
    .min(1)
    .default(defaultPolicy.fuseUsers)
    .meta({ about: 'Unverified users deleted in 24 hours at most. Default 2000.' }),
  POLICY_KEEP_JOBS: kept('P31D', 'Stripe may send an event again for 30 days')
    .default(defaultPolicy.keepJobs)
    .meta({
      about:
        "How long jobs that are over are kept, with their dead letters, Stripe's events and what became of schedules: ISO 8601. Default P90D.",
    }),
  POLICY_KEEP_EFFECTS: kept('P90D', 'what is forgotten is no longer known to be done')
    .default(defaultPolicy.keepEffects)
    .meta({
      about:
        'How long acts and mails are kept, so that none is done twice; longer than the card window and the reminders. Default P400D.',
    }),
  POLICY_KEEP_HISTORY: kept('P1Y', 'people ask long afterwards why a team is gone')
    .default(defaultPolicy.keepHistory)
    .meta({
      about:
        'How long history, acknowledged findings and marks that are over are kept: ISO 8601. Default P3Y.',
    }),
  POLICY_ERASE_STRIPE_CUSTOMER: z
    .enum(['keep', 'delete'], { error: 'must be keep or delete' })
    .default(defaultPolicy.eraseStripeCustomer)
    .meta({
      about:
        'Whether erasing a person deletes their own customer in Stripe, too, where nothing speaks for keeping it: keep or delete. Default keep.',
    }),
  LOG_LEVEL: z
    .enum(['debug', 'info', 'warn', 'error', 'silent'], {
      error: 'must be debug, info, warn, error or silent',
    })
    .default('info')
    .meta({ about: 'Default info.' }),
  CONTRACT_SQL: z
    .string()
    .min(1)
    .optional()
    .meta({ about: 'Your own contract file, instead of sql/contract.sql.' }),
  NODE_ENV: z.string().optional().meta({ about: '`production` makes every unsafe default an error.' }),
  EVENFALL_EMBEDDED: flag.meta({
    about: '1: bring our own Postgres (and Redis) in .evenfall/; never in production.',
  }),
  EVENFALL_FAILPOINT: failpointSpec
    .optional()
    .meta({ about: 'For tests: die or pause at a named step; refused in production.' }),
  EVENFALL_CLOCK_FILE: z.string().min(1).optional().meta({
    about:
      'For the demo: a file with the milliseconds that business time is ahead of the clock; refused in production.',
  }),
} as const;

type Variables = typeof variables;
type Values = { [Name in keyof Variables]: z.infer<Variables[Name]> };

/** Read and checked once; frozen. */
export interface Config extends Readonly<Omit<Values, 'STRIPE_SECRET_KEY' | 'SECRET_KEY' | 'QUEUE_BACKEND'>> {
  readonly production: boolean;
  readonly QUEUE_BACKEND: 'redis' | 'postgres';
  /** Present when the role is `worker`. */
  readonly STRIPE_SECRET_KEY: string;
  /** Present when the role is `worker`. */
  readonly SECRET_KEY: string;
}

type Environment = Record<string, string | undefined>;

/** With EVENFALL_EMBEDDED=1: where to look for programs, such as a redis-server. Undefined without it. */
export function embeddedAsked(env: Environment = process.env): { path: string | undefined } | undefined {
  return flag.safeParse(env['EVENFALL_EMBEDDED']).data === true ? { path: env['PATH'] } : undefined;
}

/**
 * Reads the environment for a role.
 *
 * @param overrides variables that stand in front of the environment's, such as addresses of embedded services
 * @throws Misconfigured naming every problem at once; never a value, which may be a secret
 */
export function readConfig(
  role: Role,
  overrides: Environment = {},
  environment: Environment = process.env,
): Config {
  const env: Environment = { ...environment, ...overrides };
  const problems: string[] = [];
  const values: Record<string, unknown> = {};
  for (const [name, schema] of Object.entries<z.ZodType>(variables)) {
    // an empty variable is an unset one
    const text = env[name] === '' ? undefined : env[name];
    const optionalHere = text === undefined && !neededBy(role).includes(name);
    const result = schema.safeParse(text);
    if (result.success) values[name] = result.data;
    else if (text === undefined && !optionalHere) problems.push(`${name}: is missing. ${aboutOf(schema)}`);
    else if (text !== undefined) problems.push(`${name}: ${result.error.issues[0]?.message ?? 'is wrong'}`);
  }
  const config = values as Partial<Values>;
  const production = config.NODE_ENV === 'production';
  problems.push(...combinations(role, config, production));
  if (problems.length > 0) {
    throw new Misconfigured(
      `Evenfall cannot start:\n${problems.map((problem) => `  ${problem}`).join('\n')}`,
    );
  }
  const backend = config.QUEUE_BACKEND ?? (config.REDIS_URL === undefined ? 'postgres' : 'redis');
  return Object.freeze({ ...values, production, QUEUE_BACKEND: backend }) as unknown as Config;
}

function neededBy(role: Role): string[] {
  return role === 'worker' ? ['DATABASE_URL', 'STRIPE_SECRET_KEY', 'SECRET_KEY'] : ['DATABASE_URL'];
}

/** What only shows when several variables are read together. */
function combinations(role: Role, config: Partial<Values>, production: boolean): string[] {
  const problems: string[] = production ? placeholders(config) : [];
  if (config.STRIPE_API_BASE !== undefined && /_live_/.test(config.STRIPE_SECRET_KEY ?? '')) {
    problems.push(
      'STRIPE_API_BASE: is refused with a live STRIPE_SECRET_KEY; use a test key with a stand-in',
    );
  }
  problems.push(...forgottenTooSoon(config), ...reminderTooEarly(config));
  if (config.QUEUE_BACKEND === 'redis' && config.REDIS_URL === undefined) {
    problems.push('REDIS_URL: is missing, and QUEUE_BACKEND says redis');
  }
  if (role === 'web' && production && config.PUBLIC_URL !== undefined && config.SECRET_KEY === undefined) {
    problems.push('SECRET_KEY: is missing, and the keep links in mails need it');
  }
  if (role === 'web' && config.MAIL_WEBHOOK_SECRET !== undefined && config.SECRET_KEY === undefined) {
    problems.push('SECRET_KEY: is missing, and MAIL_WEBHOOK_SECRET needs it: recipients are kept as hashes');
  }
  if (role !== 'worker') return problems.concat(embeddedProblems(config, production));
  if (config.SMTP_URL !== undefined && config.MAIL_FROM === undefined) {
    problems.push('MAIL_FROM: is missing, and SMTP_URL is set');
  }
  if (config.ALERT_EMAIL !== undefined && config.SMTP_URL === undefined) {
    problems.push('SMTP_URL: is missing, and ALERT_EMAIL wants mail');
  }
  problems.push(...callbackProblems(config, production));
  if (production) {
    if (config.REDIS_URL === undefined && config.QUEUE_BACKEND !== 'postgres') {
      problems.push('REDIS_URL: is missing. In production say QUEUE_BACKEND=postgres to do without Redis.');
    }
    if (config.ALERT_EMAIL === undefined && config.ALERT_WEBHOOK_URL === undefined) {
      problems.push(
        'ALERT_EMAIL or ALERT_WEBHOOK_URL: one is needed in production, or nobody hears of dead letters',
      );
    }
    if (config.PUBLIC_URL === undefined) {
      problems.push('PUBLIC_URL: is missing: the notice of a deletion carries a link to keep the team');
    }
  }
  return problems.concat(embeddedProblems(config, production));
}

/** What compose.yaml sets where nobody has set anything else. */
function placeholders(config: Partial<Values>): string[] {
  return Object.entries(config)
    .filter(([, value]) => JSON.stringify(value)?.includes('placeholder'))
    .map(([name]) => `${name}: is still the placeholder, which is refused in production`);
}

/** Compared at their worst: a month of notice may have 28 days. */
function reminderTooEarly(config: Partial<Values>): string[] {
  const { POLICY_DELETION_NOTICE: notice, POLICY_DELETION_REMINDER: reminder } = config;
  if (notice === undefined || reminder === undefined || daysOf(reminder).most < daysOf(notice).least)
    return [];
  return [
    'POLICY_DELETION_REMINDER: must be shorter than POLICY_DELETION_NOTICE: it comes between the notice and the deletion',
  ];
}

/** A mail may be asked for as long as its window is open, and by a run that began within it. */
function forgottenTooSoon(config: Partial<Values>): string[] {
  const keptDays = daysOf(config.POLICY_KEEP_EFFECTS ?? 'P100Y').least;
  return (['POLICY_CARD_WINDOW', 'POLICY_TRIAL_REMINDERS', 'POLICY_DELETION_REMINDER'] as const)
    .filter((name) => [config[name] ?? []].flat().some((window) => daysOf(window).most + 1 > keptDays))
    .map(
      (name) =>
        `POLICY_KEEP_EFFECTS: must be longer than ${name}, by a day or more: a mail that is forgotten within it is sent again`,
    );
}

function embeddedProblems(config: Partial<Values>, production: boolean): string[] {
  const problems: string[] = [];
  if (production && config.EVENFALL_EMBEDDED) problems.push('EVENFALL_EMBEDDED: is refused in production');
  if (production && config.EVENFALL_FAILPOINT) problems.push('EVENFALL_FAILPOINT: is refused in production');
  if (production && config.EVENFALL_CLOCK_FILE)
    problems.push('EVENFALL_CLOCK_FILE: is refused in production');
  return problems;
}

function aboutOf(schema: z.ZodType): string {
  return String(schema.meta()?.['about'] ?? '');
}
