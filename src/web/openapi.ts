import { z } from 'zod';
import type { AnyJob } from '../core/job.ts';
import { cancelRequest, enqueueRequest } from './jobs.ts';
import { beforeDeletion } from './openapi-callback.ts';

type Json = Record<string, unknown>;

const ref = (name: string) => ({ $ref: `#/components/schemas/${name}` });
const content = (schema: Json) => ({ 'application/json': { schema } });
const answer = (description: string, schema: Json) => ({ description, content: content(schema) });
const problem = (description: string) => answer(description, ref('Error'));
const nullable = (type: string, more: Json = {}) => ({ type: [type, 'null'], ...more });

const refusals = {
  401: problem('No or a wrong API token.'),
  415: problem('The body is not said to be JSON.'),
  503: problem('The API is closed, or the database does not answer; Retry-After says when to try again.'),
};

/** The API as OpenAPI 3.1, made from the job definitions: one path for each kind. */
export function openApiDocument(jobs: readonly AnyJob[]): Json {
  return {
    openapi: '3.1.0',
    info: {
      title: 'Evenfall',
      version: '1',
      description:
        'Enqueue jobs and ask what became of them. From SQL, in your own transaction: evenfall.enqueue.',
    },
    security: [{ token: [] }],
    paths: {
      ...Object.fromEntries(jobs.map((job) => [`/v1/jobs/${job.name}`, { post: enqueueOperation(job) }])),
      '/v1/jobs/{id}': { get: lookOperation() },
      '/v1/jobs/{kind}/cancel': { post: cancelOperation(jobs) },
    },
    webhooks: { beforeDeletion },
    components: {
      securitySchemes: { token: { type: 'http', scheme: 'bearer', description: 'API_TOKEN' } },
      schemas: { Accepted: accepted, Job: job, Error: error },
    },
  };
}

function enqueueOperation(definition: AnyJob): Json {
  const envelope = jsonSchema(enqueueRequest);
  return {
    operationId: `enqueue-${definition.name}`,
    summary: definition.summary,
    parameters: [
      {
        name: 'Idempotency-Key',
        in: 'header',
        description: 'The same key and body within seven days give the same job, and no second one.',
        schema: { type: 'string', minLength: 1, maxLength: 255 },
      },
    ],
    requestBody: {
      required: true,
      content: content({
        ...envelope,
        properties: { ...(envelope['properties'] as Json), payload: definition.payload.json },
      }),
    },
    responses: {
      202: answer(
        'Enqueued, or already asked for. `Idempotent-Replayed: true` marks a repeated answer.',
        ref('Accepted'),
      ),
      400: problem('Not JSON, or a wrong Idempotency-Key.'),
      404: problem('The database does not know this kind.'),
      409: problem('A live job has this key and another payload.'),
      422: problem(
        'A wrong field, named in `field`; or an Idempotency-Key that was used for another request.',
      ),
      ...refusals,
    },
  };
}

function lookOperation(): Json {
  return {
    operationId: 'look-at-job',
    summary: 'What became of a job.',
    parameters: [{ name: 'id', in: 'path', required: true, schema: { type: 'integer', minimum: 1 } }],
    responses: { 200: answer('The job.', ref('Job')), 404: problem('There is no such job.'), ...refusals },
  };
}

function cancelOperation(jobs: readonly AnyJob[]): Json {
  return {
    operationId: 'cancel-job',
    summary: 'Withdraws the live job with this key. One that is running is left to end, but is not retried.',
    parameters: [
      {
        name: 'kind',
        in: 'path',
        required: true,
        schema: { type: 'string', enum: jobs.map(({ name }) => name) },
      },
    ],
    requestBody: { required: true, content: content(jsonSchema(cancelRequest)) },
    responses: {
      200: answer('Whether a job was withdrawn that had not begun.', {
        type: 'object',
        properties: { cancelled: { type: 'boolean' } },
        required: ['cancelled'],
      }),
      422: problem('A wrong field, named in `field`.'),
      ...refusals,
    },
  };
}

const accepted = {
  type: 'object',
  properties: {
    id: { type: 'integer' },
    url: { type: 'string', description: 'Where to ask what became of it.' },
  },
  required: ['id', 'url'],
};

const date = { format: 'date-time' };
const jobFields = {
  id: { type: 'integer' },
  kind: { type: 'string' },
  key: nullable('string'),
  teamId: nullable('string'),
  state: {
    type: 'string',
    enum: ['queued', 'dispatched', 'running', 'parked', 'done', 'skipped', 'dead', 'cancelled'],
  },
  attempts: { type: 'integer', description: 'Attempts that failed; crashes and deploys do not count.' },
  runAt: { type: 'string', ...date },
  createdAt: { type: 'string', ...date },
  startedAt: nullable('string', date),
  finishedAt: nullable('string', date),
  outcome: nullable('object', { description: 'Ids and counts, or the reason why there was nothing to do.' }),
  publicMessage: nullable('string', { description: 'What the person who asked may be told.' }),
};
const job = { type: 'object', properties: jobFields, required: Object.keys(jobFields) };

const error = {
  type: 'object',
  properties: {
    error: {
      type: 'object',
      properties: {
        code: { type: 'string', description: 'Stable, for programs.' },
        message: { type: 'string', description: 'For people: what to do.' },
        field: { type: 'string', description: 'What of the request was wrong.' },
      },
      required: ['code', 'message'],
    },
  },
  required: ['error'],
};

function jsonSchema(schema: z.ZodType): Json {
  const json: Json = z.toJSONSchema(schema, { unrepresentable: 'any' });
  delete json['$schema'];
  return json;
}
