import { afterAll } from 'vitest';
import { allJobs } from '../../jobs/index.ts';
import { defaultPolicy } from '../../src/core/policy.ts';
import { connectDatabase } from '../../src/db/connect.ts';
import { postgresBackend } from '../../src/queue/backend.ts';
import { startWeb } from '../../src/web/server.ts';
import type { WebOptions, WebSettings } from '../../src/web/server.ts';

export const apiToken = 'the-token-of-the-tests';
export const viewer = { name: 'vera', password: 'sees: all', role: 'viewer' } as const;
export const operator = { name: 'otto', password: 'turns knobs', role: 'operator' } as const;

export const basic = (user: { name: string; password: string }) =>
  `Basic ${Buffer.from(`${user.name}:${user.password}`).toString('base64')}`;

export interface LogLine {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly fields: Record<string, unknown>;
  readonly message: string;
}

/** A log that is kept instead of printed. */
export function keepLog() {
  const lines: LogLine[] = [];
  const at = (level: LogLine['level']) => (fields: object, message: string) =>
    void lines.push({ level, fields: fields as Record<string, unknown>, message });
  return { lines, debug: at('debug'), info: at('info'), warn: at('warn'), error: at('error') };
}

type Given = Partial<Omit<WebOptions, 'config'>> & { config?: Partial<WebSettings> };

/** The web process on a free port, stopped after the file's tests; no dashboard users unless given. */
export async function openWeb(databaseUrl: string, given: Given = {}) {
  const log = keepLog();
  const database = given.database ? undefined : connectDatabase(databaseUrl, { max: 10, name: 'test web' });
  const backend = given.backend ?? postgresBackend(databaseUrl, log);
  const running = await startWeb({
    log,
    jobs: allJobs,
    ...given,
    database: given.database ?? database!,
    backend,
    config: {
      PORT: 0,
      API_TOKEN: apiToken,
      POLICY_INACTIVE_TEAM_AGE: defaultPolicy.inactiveTeamAge,
      production: false,
      ...given.config,
    },
  });
  afterAll(async () => {
    await running.stop();
    if (!given.backend) await backend.close();
    await database?.close();
  });
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`${running.url}${path}`, { redirect: 'manual', ...init });
  return { ...running, lines: log.lines, get };
}

/** A request of the API, with the token. */
export function api(url: string, path: string, body?: unknown, headers: Record<string, string> = {}) {
  return fetch(`${url}${path}`, {
    method: body === undefined ? 'GET' : 'POST',
    headers: { authorization: `Bearer ${apiToken}`, 'content-type': 'application/json', ...headers },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  });
}

/** Status, code and field of a refusal. */
export async function refusal(response: Response) {
  const { error } = (await response.json()) as { error: { code: string; message: string; field?: string } };
  return { status: response.status, ...error };
}
