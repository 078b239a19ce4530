import { Hono } from 'hono';
import { z } from 'zod';
import type { AnyJob } from '../core/job.ts';
import { payloadProblem, teamId } from '../core/payload.ts';
import type { Database, Statements } from '../db/connect.ts';
import { requireToken } from './bearer.ts';
import { withDeadline } from './deadline.ts';
import { enqueueOnce, readKeyUse, recall } from './idempotency.ts';
import { Problem, unknownKind } from './problem.ts';
import { parseBody, readBody } from './request-body.ts';

export interface JobsApiOptions {
  readonly apiToken: string | undefined;
  readonly database: Pick<Database, 'statements' | 'transaction'>;
  readonly jobs: readonly AnyJob[];
}

/** A request waits this long for the database; one that comes to it later still changes nothing. */
const deadlineMs = 8_000;

const jobKey = z.string().regex(/^[^\p{Cc}\p{Cs}]{1,512}$/u, 'must be 1 to 512 characters of text');

/** Passed on as it came: what its fields may be is for the kind to say, and none may be dropped before. */
const anyObject = z.custom<Record<string, unknown>>(
  (value) => typeof value === 'object' && value !== null && !Array.isArray(value),
  'must be an object',
);

/** What `POST /v1/jobs/{kind}` takes; also the source of the OpenAPI document. */
export const enqueueRequest = z.strictObject({
  payload: anyObject,
  key: jobKey.optional().meta({ description: 'Two live jobs of one kind and key cannot exist.' }),
  runAt: z.iso
    .datetime({ offset: true, error: 'must be an ISO 8601 date and time with its offset' })
    .optional()
    .meta({ description: 'Not before this time.' }),
  teamId: teamId().optional().meta({ description: 'The team it is for, when the payload does not say.' }),
  priority: z.int32().optional().meta({ description: 'A lower one runs first; 0 when left out.' }),
});

/** What `POST /v1/jobs/{kind}/cancel` takes. */
export const cancelRequest = z.strictObject({ key: jobKey });

/** `/v1/jobs`: enqueue, look at, and cancel jobs. */
export function jobsApi(options: JobsApiOptions): Hono {
  const { database } = options;
  const kinds = new Map(options.jobs.map((job) => [job.name, job]));
  const api = new Hono();
  api.use('/v1/*', requireToken(options.apiToken));

  /** Before the body is looked at: what is wrong with it is for the kind to say. A later release may know more kinds. */
  async function requireKind(kind: string): Promise<void> {
    if (kinds.has(kind)) return;
    const known = await withDeadline(deadlineMs, () => database.statements.schemaState());
    if (!known.some((row) => row.kind === kind)) throw unknownKind();
  }

  api.post('/v1/jobs/:kind', async (c) => {
    const kind = c.req.param('kind');
    await requireKind(kind);
    const body = await readBody(c);
    const authorization = c.req.header('authorization') ?? '';
    const use = readKeyUse(c.req.header('idempotency-key'), { authorization, kind, body });
    const { id, replayed } = await withDeadline(deadlineMs, async (signal) => {
      // before any check: a repeated request gets the same answer, whatever a release has changed since
      const earlier = use && (await recall(database.statements, use));
      if (earlier !== undefined) return { id: earlier, replayed: true };
      const request = parseBody(body, enqueueRequest);
      checkPayload(kinds.get(kind), request.payload);
      const enqueue = async (tx: Statements) => {
        signal.throwIfAborted();
        const jobId = await enqueueHere(tx, kind, request);
        signal.throwIfAborted();
        return jobId;
      };
      if (use) return await enqueueOnce(database, use, enqueue);
      return { id: await database.transaction(enqueue), replayed: false };
    });
    const url = `/v1/jobs/${id}`;
    return c.json({ id, url }, 202, {
      Location: url,
      ...(replayed ? { 'Idempotent-Replayed': 'true' } : {}),
    });
  });

  api.post('/v1/jobs/:kind/cancel', async (c) => {
    const kind = c.req.param('kind');
    const { key } = parseBody(await readBody(c), cancelRequest);
    const cancelled = await withDeadline(deadlineMs, (signal) =>
      database.transaction(async (tx) => {
        signal.throwIfAborted();
        const [row] = await tx.cancelJob({ kind, key });
        signal.throwIfAborted();
        return row?.cancelled ?? false;
      }),
    );
    return c.json({ cancelled });
  });

  api.get('/v1/jobs/:id', async (c) => {
    const id = Number(/^\d{1,15}$/.exec(c.req.param('id'))?.[0] ?? 0);
    const [job] = await withDeadline(deadlineMs, () => database.statements.findJob({ id }));
    if (!job) throw new Problem(404, 'unknown_job', 'There is no job with this id.');
    // neither payload nor last_error: who asks for a state need not see what it was about
    return c.json({
      id: job.id,
      kind: job.kind,
      key: job.key,
      teamId: job.teamId,
      state: job.state,
      attempts: job.attempts,
      runAt: job.runAt,
      createdAt: job.createdAt,
      startedAt: job.startedAt,
      finishedAt: job.finishedAt,
      outcome: job.outcome,
      publicMessage: job.publicMessage,
    });
  });

  return api;
}

/** The same check that SQL does, one round trip earlier; a kind that only the database knows is left to it. */
function checkPayload(job: AnyJob | undefined, payload: Record<string, unknown>): void {
  const problem = job && payloadProblem(job.payload, payload);
  if (problem === undefined) return;
  throw new Problem(422, 'wrong_payload', `payload of ${job?.name}: ${problem}`, {
    field: problem.split(':', 1)[0],
  });
}

async function enqueueHere(
  tx: Statements,
  kind: string,
  request: z.infer<typeof enqueueRequest>,
): Promise<number> {
  await tx.nameSource({ source: 'http' });
  const [row] = await tx.enqueue({
    kind,
    payload: request.payload,
    key: request.key ?? null,
    runAt: request.runAt === undefined ? null : new Date(request.runAt),
    teamId: request.teamId ?? null,
    priority: request.priority ?? 0,
  });
  if (!row) throw new Error('evenfall.enqueue returned no row');
  return row.id;
}
