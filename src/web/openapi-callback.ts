import type { Deletion } from '../core/app-callback.ts';

const text = (description: string, more: object = {}) => ({ type: 'string', description, ...more });

const properties = {
  id: text('The same however often this deletion is asked about. Also in `Evenfall-Id`.'),
  type: text('`ping` is sent by `evenfall doctor` alone.', {
    enum: ['team.deleting', 'user.deleting', 'ping'] satisfies (Deletion['type'] | 'ping')[],
  }),
  teamId: text('Of a user: the team that went before.'),
  userId: text('Who is to be deleted.'),
  markId: { type: 'integer', description: 'The row of evenfall.team_deletion.' },
  deleteAfter: text('The date since when the team may go.', { format: 'date-time' }),
  reason: text('Why.', {
    enum: ['inactive-team', 'last-team-deleted', 'never-verified'] satisfies Deletion['reason'][],
  }),
} satisfies Record<keyof Deletion, object>;

const refusal = {
  type: 'object',
  properties: { veto: text('Why not, for operators: 200 characters, and no personal data.') },
};

const answer = (description: string) => ({
  description,
  content: { 'application/json': { schema: refusal } },
});

/** What is sent to APP_CALLBACK_URL, as a webhook of OpenAPI 3.1: docs/callback.md. */
export const beforeDeletion = {
  post: {
    operationId: 'before-deletion',
    summary: 'Asks the app before a team or a user is deleted; it may refuse.',
    security: [],
    parameters: [
      {
        name: 'Evenfall-Signature',
        in: 'header',
        required: true,
        description: '`t=<unix seconds>,v1=<hex>`: HMAC-SHA256 of `t.body`, keyed with APP_CALLBACK_SECRET.',
        schema: { type: 'string' },
      },
      { name: 'Evenfall-Id', in: 'header', required: true, schema: { type: 'string' } },
    ],
    requestBody: {
      required: true,
      content: { 'application/json': { schema: { type: 'object', properties, required: ['id', 'type'] } } },
    },
    responses: {
      '2XX': answer('It agrees, unless there is a `veto`.'),
      409: answer('It refuses.'),
      '5XX': { description: 'It cannot say now: it is asked again, and nothing is deleted meanwhile.' },
    },
  },
};
