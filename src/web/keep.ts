import { Hono } from 'hono';
import type { Context } from 'hono';
import type { StatusCode } from 'hono/utils/http-status';
import { readKeepToken } from '../core/keep-token.ts';
import type { Database } from '../db/connect.ts';
import { keepPage, noSuchLink, notNow, policy, render } from './keep-page.ts';
import type { KeepPage } from './keep-page.ts';
import { toProblem } from './problem.ts';

export interface KeepOptions {
  readonly database: Pick<Database, 'statements'>;
  /** What the links are signed with; without it none is good. */
  readonly secret: string | undefined;
  /** How long a team is kept: POLICY_INACTIVE_TEAM_AGE. */
  readonly inactiveTeamAge: string;
  /** Milliseconds that business time is ahead of the database's clock; 0 but in the demo. */
  readonly clockOffsetMs: () => number;
}

/** Of the mark and of the snooze; the page knows by it that the link has been used. */
const why = 'kept by the link in the notice';

// the address must not get about
const headers = { 'Cache-Control': 'no-store', 'Referrer-Policy': 'no-referrer', 'X-Robots-Tag': 'noindex' };

/**
 * `/keep/:token`: the page behind a deletion notice's link. Looking at it changes nothing, for mail scanners open
 * every link; its button keeps the team. Whoever has the link may press it, so the address must not get about.
 */
export function keepRoutes({ database, secret, inactiveTeamAge, clockOffsetMs }: KeepOptions): Hono {
  const { statements } = database;
  const markOf = (c: Context) =>
    secret === undefined ? undefined : readKeepToken(secret, c.req.param('token') ?? '');
  const now = async () => new Date((await statements.databaseNow())[0]!.now.getTime() + clockOffsetMs());
  const pageOf = async (id: number): Promise<KeepPage> => {
    const [mark] = await statements.markToKeep({ id, why, inactiveTeamAge, now: await now() });
    return mark ? keepPage(mark) : noSuchLink;
  };

  const routes = new Hono();
  routes.onError((error, c) => {
    const problem = toProblem(error);
    return answer(c, notNow(problem.status), problem.headers);
  });
  routes.get('/keep/:token', async (c) => {
    const id = markOf(c);
    return await answer(c, id === undefined ? noSuchLink : await pageOf(id));
  });
  routes.post('/keep/:token', async (c) => {
    const id = markOf(c);
    if (id === undefined) return await answer(c, noSuchLink);
    await statements.keepTeam({ id, why, inactiveTeamAge, now: await now() });
    const page = await pageOf(id);
    if (page.status !== 200) return await answer(c, page);
    // relative, so that it holds under whatever path a proxy serves this; a reload then posts nothing
    return c.body(null, 303, { ...headers, Location: c.req.param('token') });
  });
  return routes;
}

async function answer(c: Context, page: KeepPage, more: Readonly<Record<string, string>> = {}) {
  c.status(page.status as StatusCode);
  return c.html(await render(page), undefined, { ...headers, 'Content-Security-Policy': policy, ...more });
}
