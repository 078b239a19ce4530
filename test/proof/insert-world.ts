import type postgres from 'postgres';
import { cardEnds } from './oracle/index.ts';
import type { DeadLetter, Instant, Mark, Notice, World } from './oracle/index.ts';
import { day } from './world/moments.ts';

type Row = Record<string, string | number | boolean | null | object>;

const at = (instant: Instant | null) => (instant === null ? null : new Date(instant).toISOString());
const readAt = at(Date.UTC(2024, 0, 1));

/** Writes a world into the app's tables and ours, a statement a table. Ids stay as they are; what a rule does not read is made up. */
export async function insertWorld(sql: postgres.Sql, world: World): Promise<void> {
  const insert = async (table: string, rows: Row[]) => {
    const [first] = rows;
    if (!first) return;
    const columns = Object.keys(first).join(', ');
    await sql.unsafe(
      `insert into ${table} (${columns}) overriding system value
       select ${columns} from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
      [JSON.stringify(rows)],
    );
  };
  await insertApp(world, insert);
  await insertMirror(world, insert);
  await insert('evenfall.team_protection', world.protections.map(protection));
  await insert('evenfall.team_deletion', world.marks.map(mark));
  await insert('evenfall.notice', world.notices.map(notice));
  await insert('evenfall.job', world.deadLetters.map(job));
  await insert('evenfall.dead_letter', world.deadLetters.map(deadLetter));
  await insert(
    'evenfall.finding',
    world.findings.map(({ kind, teamId, acknowledgedAt }, index) => ({
      kind,
      subject: `team:${teamId ?? ''}`,
      occasion: String(index),
      team_id: teamId,
      message: 'test',
      detail: {},
      found_at: readAt,
      acknowledged_at: at(acknowledgedAt),
      acknowledged_by: acknowledgedAt === null ? null : 'test',
    })),
  );
  await sql`analyze`;
}

type Insert = (table: string, rows: Row[]) => Promise<void>;

async function insertApp(world: World, insert: Insert): Promise<void> {
  await insert(
    'public.users',
    world.users.map((user) => ({
      id: user.id,
      email: `person-${user.id}@people.example`,
      email_verified_at: at(user.emailVerifiedAt),
      is_active: user.isActive,
      created_at: at(user.createdAt),
      last_seen_at: at(user.lastSeenAt),
      stripe_customer_id: user.stripeCustomerId,
    })),
  );
  await insert(
    'public.teams',
    world.teams.map((team) => ({
      id: team.id,
      name: `Team ${team.id}`,
      owner_id: team.ownerId,
      created_at: at(team.createdAt),
      stripe_customer_id: team.stripeCustomerId,
    })),
  );
  await insert(
    'public.memberships',
    world.memberships.map(({ teamId, userId, role }) => ({ team_id: teamId, user_id: userId, role })),
  );
}

async function insertMirror(world: World, insert: Insert): Promise<void> {
  const read = { livemode: false, read_at: readAt };
  await insert(
    'evenfall.customer',
    world.customers.map((customer) => ({
      id: customer.id,
      team_id: customer.teamId,
      default_payment_method: customer.defaultPaymentMethod,
      has_paid: customer.hasPaid,
      deleted: customer.deleted,
      ...read,
    })),
  );
  await insert(
    'evenfall.subscription',
    world.subscriptions.map((one) => ({
      id: one.id,
      customer_id: one.customerId,
      status: one.status,
      gone: one.gone,
      created_at: at(one.createdAt),
      cancel_at_period_end: one.cancelAtPeriodEnd,
      cancel_at: at(one.cancelAt),
      trial_start: at(one.trialStart),
      trial_end: at(one.trialEnd),
      current_period_end: at(one.currentPeriodEnd),
      default_payment_method: one.defaultPaymentMethod,
      amount: one.amount,
      ...read,
    })),
  );
  await insert(
    'evenfall.card',
    world.cards.map((card) => ({
      id: card.id,
      customer_id: card.customerId,
      exp_month: card.expMonth,
      exp_year: card.expYear,
      expires_at: at(cardEnds(card.expYear, card.expMonth)),
      detached: card.detached,
      read_at: readAt,
    })),
  );
}

function protection({ teamId, kind, until }: World['protections'][number]): Row {
  return { team_id: teamId, kind, until: at(until), why: 'test', who: 'test', at: readAt };
}

function mark({ teamId, state, ownerId, markedAt, noticeSentAt, deleteAfter }: Mark): Row {
  const over = state === 'deleted' ? at(deleteAfter) : null;
  const cleared = state === 'cleared' ? at(markedAt) : null;
  return {
    team_id: teamId,
    state,
    owner_id: ownerId,
    marked_at: at(markedAt),
    announced_delete_at: at(markedAt + 7 * day),
    notice_sent_at: at(noticeSentAt),
    delete_after: at(deleteAfter),
    deleting_at: state === 'deleting' || state === 'deleted' ? at(deleteAfter) : null,
    deleted_at: over,
    owner_outcome: over === null ? null : 'test',
    cleared_at: cleared,
    cleared_why: cleared === null ? null : 'test',
  };
}

/** Our notices say `kind`, `subject` and `occasion` in other words than the rules. */
function notice({ kind, subject, occasion, state }: Notice): Row {
  const trial = / before /.test(occasion);
  const [offset = '', end = ''] = occasion.split(' before ');
  return {
    kind: kind.replace(/-email$/, ''),
    subject: `${trial ? 'subscription' : 'card'}:${subject}`,
    occasion: trial ? `${end} ${offset}` : occasion,
    state,
    reason: state === 'suppressed' ? 'test' : null,
    at: readAt,
  };
}

function payloadOf({ subject, occasion }: DeadLetter): Record<string, string> {
  if (subject.startsWith('pm_')) return { cardId: subject };
  if (subject.startsWith('sub_')) return { subscriptionId: subject, offset: occasion ?? '' };
  return { teamId: subject };
}

function job(row: DeadLetter, index: number): Row {
  return {
    id: index + 1,
    kind: row.kind,
    queue: 'lifecycle',
    payload: payloadOf(row),
    payload_version: 1,
    state: 'dead',
    due: false,
    run_at: readAt,
    deadline_at: readAt,
    finished_at: readAt,
    source: 'test',
  };
}

function deadLetter({ kind, subject, resolvedAt }: DeadLetter, index: number): Row {
  return {
    job_id: index + 1,
    run_no: 1,
    kind,
    team_id: /^\d+$/.test(subject) ? subject : null,
    class: 'test',
    error: {},
    attempts: 1,
    crashes: 0,
    resolved_at: at(resolvedAt),
    resolution: resolvedAt === null ? null : 'test',
  };
}
