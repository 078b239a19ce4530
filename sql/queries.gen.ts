// Written by scripts/generate-queries.ts from sql/queries and sql/machine. Do not edit: `npm run generate`.



export interface Statement {
  readonly text: string;
  readonly parameters: readonly string[];
}

export interface DeadLetterToTellRow {
  id: number;
  jobId: number;
  kind: string;
  teamId: string | null;
  attempts: number;
  error: unknown;
  createdAt: Date;
  resolvedAt: Date | null;
}

export interface MarkAlertedRow {
  id: number;
}

export interface RecordHistoryRow {
  id: number;
}

export interface CustomerOfTeamRow {
  id: string;
  stripeCustomerId: string | null;
}

export interface Queries {
  deadLetterToTell(parameters: { id: number }): Promise<DeadLetterToTellRow[]>;
  markAlerted(parameters: { id: number }): Promise<MarkAlertedRow[]>;
  /**
   * What changed, for whom: written in the transaction that makes or settles the change.
   */
  recordHistory(parameters: { at: Date; what: string; teamId: string | null; subject: string; detail: unknown; jobId: number | null; source: string }): Promise<RecordHistoryRow[]>;
  /**
   * Rides the app's own primary key: the id meets its own type, never the other way round.
   */
  customerOfTeam(parameters: { teamId: string }): Promise<CustomerOfTeamRow[]>;
}

export const queries = {
  deadLetterToTell: {
    text: "select id, job_id, kind, team_id, attempts, error, created_at, resolved_at from evenfall.dead_letter where id = $1",
    parameters: ['id'],
  },
  markAlerted: {
    text: "update evenfall.dead_letter set alerted_at = clock_timestamp() where id = $1 and alerted_at is null returning id",
    parameters: ['id'],
  },
  recordHistory: {
    text: "insert into evenfall.history (at, what, team_id, subject, detail, job_id, source)\nvalues ($1, $2, $3, $4, $5, $6, $7)\nreturning id",
    parameters: ['at', 'what', 'teamId', 'subject', 'detail', 'jobId', 'source'],
  },
  customerOfTeam: {
    text: "select id::text as \"id\", stripe_customer_id as \"stripe_customer_id\" from evenfall.app_team\nwhere id = $1::text::evenfall.app_team_id",
    parameters: ['teamId'],
  },
} satisfies Record<keyof Queries, Statement>;

export interface EnqueueRow {
  id: number;
}

export interface NameSourceRow {
  source: string;
}

export interface CancelJobRow {
  cancelled: boolean;
}

export interface FindJobRow {
  id: number;
  kind: string;
  key: string | null;
  teamId: string | null;
  state: string;
  attempts: number;
  crashes: number;
  runAt: Date;
  createdAt: Date;
  startedAt: Date | null;
  finishedAt: Date | null;
  outcome: unknown;
  publicMessage: string | null;
  payload: unknown;
  lastError: unknown;
  queue: string;
  dispatchNo: number | null;
  asks: number;
}

export interface ListJobsRow {
  id: number;
  kind: string;
  key: string | null;
  teamId: string | null;
  state: string;
  attempts: number;
  runAt: Date;
  createdAt: Date;
  finishedAt: Date | null;
  outcome: unknown;
}

export interface ListDeadLettersRow {
  id: number;
  jobId: number;
  kind: string;
  teamId: string | null;
  class: string;
  code: string | null;
  attempts: number;
  createdAt: Date;
  alertedAt: Date | null;
  resolvedAt: Date | null;
  resolution: string | null;
}

export interface FindDeadLetterRow {
  id: number;
  jobId: number;
  kind: string;
  teamId: string | null;
  class: string;
  code: string | null;
  error: unknown;
  attempts: number;
  crashes: number;
  createdAt: Date;
  alertedAt: Date | null;
  resolvedAt: Date | null;
  resolution: string | null;
  payload: unknown;
  jobState: string;
  jobCreatedAt: Date;
}

export interface PauseKindRow {
  kind: string;
}

export interface ResumeKindRow {
  kind: string;
}

export interface ActiveKindsRow {
  kind: string;
  payloadVersion: number;
}

export interface RecallIdempotencyKeyRow {
  jobId: number;
  bodyHash: string;
}

export interface KeepIdempotencyKeyRow {
  jobId: number;
}

export interface ForgetIdempotencyKeysRow {
  key: string;
}

export interface JobCountsRow {
  kind: string;
  state: string;
  jobs: number;
  oldestDueSeconds: number;
}

export interface DeadLetterCountsRow {
  kind: string;
  class: string;
  letters: number;
}

export interface UnknownEffectsRow {
  effects: number;
}

export interface DatabaseNowRow {
  now: Date;
}

export interface SchemaStateRow {
  kind: string;
  payloadVersion: number;
}

export interface ClaimEffectRow {
  verdict: string;
  id: number | null;
  evidence: unknown;
}

export interface BegunEffectsRow {
  key: string;
  about: unknown;
}

export interface SettleEffectRow {
  id: number;
}

export interface ReleaseEffectRow {
  id: number;
}

export interface GiveUpEffectRow {
  id: number;
}

export interface SettleUnknownRow {
  key: string;
  state: string;
}

export interface PromoteDueRow {
  id: number;
}

export interface NextRunRow {
  inMs: number | null;
}

export interface RoomByQueueRow {
  queue: string;
  room: number;
}

export interface ClaimRow {
  id: number;
  kind: string;
  payload: unknown;
  dispatchNo: number;
  turn: string;
  priority: number;
}

export interface StartRow {
  verdict: string;
  payload: unknown;
  teamId: string | null;
  attempts: number;
  crashes: number;
  asks: number;
  runNo: number;
  runAt: Date;
  deadlineAt: Date;
  lastError: unknown;
  dbNow: Date;
}

export interface FinishRow {
  state: string;
}

export interface RetryRow {
  state: string;
}

export interface SnoozeRow {
  state: string;
  waitingSince: Date | null;
}

export interface BuryRow {
  state: string;
  deadLetterId: number | null;
  alertId: number | null;
}

export interface ParkRow {
  id: number;
}

export interface UnparkRow {
  id: number;
}

export interface GiveBackRow {
  id: number;
}

export interface RescueRow {
  id: number;
  kind: string;
  crashes: number;
}

export interface FindPoisonRow {
  id: number;
  runNo: number;
  kind: string;
  crashes: number;
}

export interface FindDispatchedRow {
  id: number;
  kind: string;
  dispatchNo: number;
  overdueMs: number;
}

export interface RequeueLostRow {
  id: number;
}

export interface TakeFailedRow {
  runNo: number;
}

export interface ReplayRow {
  id: number;
  queue: string;
  dispatchNo: number | null;
  notified: string | null;
}

export interface BeatRow {
  heartbeatAt: Date;
}

export interface SignOffRow {
  id: string;
}

export interface ForgetDeadWorkersRow {
  id: string;
}

export interface Machine {
  enqueue(parameters: { kind: string; payload: unknown; key: string | null; runAt: Date | null; teamId: string | null; priority: number }): Promise<EnqueueRow[]>;
  /**
   * Says which door the jobs of this transaction come through: http, cli, …
   */
  nameSource(parameters: { source: string }): Promise<NameSourceRow[]>;
  cancelJob(parameters: { kind: string; key: string }): Promise<CancelJobRow[]>;
  findJob(parameters: { id: number }): Promise<FindJobRow[]>;
  /**
   * The newest first, of one state or of all.
   */
  listJobs(parameters: { state: string | null; limit: number }): Promise<ListJobsRow[]>;
  /**
   * Open ones first come first; rides dead_letter_open.
   */
  listDeadLetters(parameters: { all: boolean; limit: number }): Promise<ListDeadLettersRow[]>;
  findDeadLetter(parameters: { id: number }): Promise<FindDeadLetterRow[]>;
  pauseKind(parameters: { why: string; kind: string }): Promise<PauseKindRow[]>;
  resumeKind(parameters: { kind: string }): Promise<ResumeKindRow[]>;
  /**
   * The kinds that the dispatcher may hand out: known here and not paused.
   */
  activeKinds(parameters: { kinds: string[] }): Promise<ActiveKindsRow[]>;
  recallIdempotencyKey(parameters: { tokenHash: string; key: string }): Promise<RecallIdempotencyKeyRow[]>;
  keepIdempotencyKey(parameters: { tokenHash: string; key: string; bodyHash: string; jobId: number }): Promise<KeepIdempotencyKeyRow[]>;
  forgetIdempotencyKeys(): Promise<ForgetIdempotencyKeysRow[]>;
  /**
   * For /metrics: jobs by kind and state that are not over, the age of the oldest due one, and the open dead letters.
   */
  jobCounts(): Promise<JobCountsRow[]>;
  deadLetterCounts(): Promise<DeadLetterCountsRow[]>;
  unknownEffects(): Promise<UnknownEffectsRow[]>;
  databaseNow(): Promise<DatabaseNowRow[]>;
  /**
   * What a process checks before it works: the migrations and kinds that `evenfall migrate` has written.
   */
  schemaState(): Promise<SchemaStateRow[]>;
  /**
   * Claims a business key before the act, or says why not (sql/functions/claim_effect.sql).
   */
  claimEffect(parameters: { jobId: number | null; runNo: number; key: string; kind: string; about: unknown }): Promise<ClaimEffectRow[]>;
  /**
   * What earlier runs of this job claimed, and neither settled nor released. Rides effect_job.
   */
  begunEffects(parameters: { jobId: number | null; runNo: number }): Promise<BegunEffectsRow[]>;
  /**
   * claimed → settled, by the run that claimed it and only while that run is current. What the claim was about
   * stays in the evidence.
   */
  settleEffect(parameters: { jobId: number | null; runNo: number; evidence: unknown; key: string }): Promise<SettleEffectRow[]>;
  /**
   * claimed → released: the other side refused for certain, so the key is free for the next try.
   */
  releaseEffect(parameters: { jobId: number | null; runNo: number; evidence: unknown; key: string }): Promise<ReleaseEffectRow[]>;
  /**
   * claimed → unknown: nobody can say whether it happened. Visible until a person settles it.
   */
  giveUpEffect(parameters: { jobId: number | null; runNo: number; key: string }): Promise<GiveUpEffectRow[]>;
  /**
   * unknown → settled or released, by a person who looked.
   */
  settleUnknown(parameters: { happened: boolean; who: string; id: number }): Promise<SettleUnknownRow[]>;
  /**
   * queued, not due → due. Rides job_not_due; a bounded batch, skipping rows that another worker promotes.
   */
  promoteDue(parameters: { batch: number }): Promise<PromoteDueRow[]>;
  /**
   * When the next waiting row comes due: how long the dispatcher may sleep. One probe of job_not_due.
   */
  nextRun(): Promise<NextRunRow[]>;
  /**
   * How many more jobs each queue may hold: twice what the live workers run at once, less what is already
   * there and not waiting for a later time. Counts ride job_dispatched and job_running.
   */
  roomByQueue(parameters: { queues: string[]; lease: string }): Promise<RoomByQueueRow[]>;
  /**
   * queued → dispatched, for one queue: the lowest priority that has due rows; within it one row a turn,
   * round-robin from the turn after @after; within a turn the oldest first. The recursion is a loose scan of
   * job_due: one probe a turn, however many rows a turn has. Rows locked by someone else are skipped.
   */
  claim(parameters: { queue: string; kinds: string[]; after: string; slots: number }): Promise<ClaimRow[]>;
  /**
   * dispatched → running, or running with a dead worker → running (sql/functions/start_job.sql).
   */
  start(parameters: { id: number; dispatchNo: number; workerId: string; lease: string; payloadVersion: number }): Promise<StartRow[]>;
  /**
   * running → done | skipped. Fenced by run_no. Asked for again meanwhile: running → queued, as a new asking.
   */
  finish(parameters: { state: string; outcome: unknown; id: number; runNo: number }): Promise<FinishRow[]>;
  /**
   * running → dispatched with a later run_at, one attempt used: the same BullMQ job is moved to delayed.
   * A withdrawn job ends here instead; a payload asked for meanwhile is taken up by the retry.
   */
  retry(parameters: { delayMs: number; error: unknown; publicMessage: string | null; id: number; runNo: number }): Promise<RetryRow[]>;
  /**
   * running → dispatched with a later run_at, no attempt used. @waiting: it waits for something that is down.
   */
  snooze(parameters: { delayMs: number; error: unknown | null; waiting: boolean; id: number; runNo: number }): Promise<SnoozeRow[]>;
  /**
   * running → dead, with its dead letter and the job that alerts about it, in one statement. Asked for again
   * meanwhile: it is queued as a new asking, and there is nothing to bury.
   */
  bury(parameters: { error: unknown; publicMessage: string | null; id: number; runNo: number; class: string; code: string | null }): Promise<BuryRow[]>;
  /**
   * dispatched → parked: this worker is older than the payload. A newer worker's reconciler unparks it.
   */
  park(parameters: { id: number; dispatchNo: number }): Promise<ParkRow[]>;
  /**
   * parked → queued, for the kinds and payload versions that this worker knows.
   */
  unpark(parameters: { kinds: string[]; payloadVersions: number[] }): Promise<UnparkRow[]>;
  /**
   * running → queued on a shutdown: nothing failed, no attempt is used, no crash is counted. A withdrawn job ends.
   */
  giveBack(parameters: { id: number; runNo: number }): Promise<GiveBackRow[]>;
  /**
   * running with a dead worker → queued, one crash counted, no attempt used. Rides job_running. Jobs over
   * their crash budget stay for findPoison. A withdrawn job ends.
   */
  rescue(parameters: { lease: string }): Promise<RescueRow[]>;
  /**
   * Running jobs whose worker is dead and whose crash budget is used up: bury them, class poison.
   */
  findPoison(parameters: { lease: string }): Promise<FindPoisonRow[]>;
  /**
   * What BullMQ should know of a queue, by keyset: the reconciler asks it about each. Fresh dispatches are
   * left out: their add may still be on its way.
   */
  findDispatched(parameters: { queue: string; afterId: number; settleTime: string; batch: number }): Promise<FindDispatchedRow[]>;
  /**
   * dispatched → queued, with its own run_at: BullMQ does not know it any more, or thinks it finished.
   */
  requeueLost(parameters: { ids: number[]; dispatchNos: number[] }): Promise<RequeueLostRow[]>;
  /**
   * dispatched → running, on behalf of the reconciler, for a job that BullMQ failed by itself: so that bury,
   * which is fenced by run_no, can record it.
   */
  takeFailed(parameters: { workerId: string; id: number; dispatchNo: number }): Promise<TakeFailedRow[]>;
  /**
   * dead → queued, attempts and deadline anew, and its dead letters resolved. No row: it is not dead, or a
   * newer job holds its key.
   */
  replay(parameters: { id: number; resolution: string }): Promise<ReplayRow[]>;
  /**
   * Registers the worker or renews its lease. One statement, on a connection of its own, so that busy jobs
   * cannot make a living worker look dead.
   */
  beat(parameters: { id: string; concurrency: number }): Promise<BeatRow[]>;
  /**
   * A clean end. Its running rows, if any are left, are at once those of a dead worker.
   */
  signOff(parameters: { id: string }): Promise<SignOffRow[]>;
  /**
   * Rows of workers that are long gone and own nothing.
   */
  forgetDeadWorkers(): Promise<ForgetDeadWorkersRow[]>;
}

export const machine = {
  enqueue: {
    text: "select evenfall.enqueue($1, $2, $3, $4::timestamptz, $5, $6) as \"id\"",
    parameters: ['kind', 'payload', 'key', 'runAt', 'teamId', 'priority'],
  },
  nameSource: {
    text: "select set_config('evenfall.source', $1, true) as \"source\"",
    parameters: ['source'],
  },
  cancelJob: {
    text: "select evenfall.cancel($1, $2) as \"cancelled\"",
    parameters: ['kind', 'key'],
  },
  findJob: {
    text: "select id, kind, key, team_id, state, attempts, crashes, run_at, created_at, started_at, finished_at, outcome,\n  public_message, payload, last_error, queue, dispatch_no, asks\nfrom evenfall.job where id = $1",
    parameters: ['id'],
  },
  listJobs: {
    text: "select id, kind, key, team_id, state, attempts, run_at, created_at, finished_at, outcome\nfrom evenfall.job where ($1::text is null or state = $1) order by id desc limit $2",
    parameters: ['state', 'limit'],
  },
  listDeadLetters: {
    text: "select d.id, d.job_id, d.kind, d.team_id, d.class, d.code, d.attempts, d.created_at, d.alerted_at, d.resolved_at, d.resolution\nfrom evenfall.dead_letter d\nwhere ($1::boolean or d.resolved_at is null) order by d.created_at, d.id limit $2",
    parameters: ['all', 'limit'],
  },
  findDeadLetter: {
    text: "select d.id, d.job_id, d.kind, d.team_id, d.class, d.code, d.error, d.attempts, d.crashes, d.created_at, d.alerted_at,\n  d.resolved_at, d.resolution, j.payload, j.state as job_state, j.created_at as job_created_at\nfrom evenfall.dead_letter d join evenfall.job j on j.id = d.job_id\nwhere d.id = $1",
    parameters: ['id'],
  },
  pauseKind: {
    text: "update evenfall.job_kind set paused_at = clock_timestamp(), paused_why = $1 where kind = $2 returning kind",
    parameters: ['why', 'kind'],
  },
  resumeKind: {
    text: "update evenfall.job_kind set paused_at = null, paused_why = null where kind = $1 returning kind",
    parameters: ['kind'],
  },
  activeKinds: {
    text: "select kind, payload_version from evenfall.job_kind where kind = any ($1) and paused_at is null",
    parameters: ['kinds'],
  },
  recallIdempotencyKey: {
    text: "select job_id, body_hash from evenfall.idempotency\nwhere token_hash = $1 and key = $2 and created_at > clock_timestamp() - interval '7 days'",
    parameters: ['tokenHash', 'key'],
  },
  keepIdempotencyKey: {
    text: "insert into evenfall.idempotency (token_hash, key, body_hash, job_id) values ($1, $2, $3, $4)\non conflict (token_hash, key) do update\n  set body_hash = excluded.body_hash, job_id = excluded.job_id, created_at = clock_timestamp()\n  where idempotency.created_at <= clock_timestamp() - interval '7 days'\nreturning job_id",
    parameters: ['tokenHash', 'key', 'bodyHash', 'jobId'],
  },
  forgetIdempotencyKeys: {
    text: "delete from evenfall.idempotency where created_at <= clock_timestamp() - interval '7 days' returning key",
    parameters: [],
  },
  jobCounts: {
    text: "select kind, state, count(*)::int as \"jobs\",\n  coalesce(extract(epoch from clock_timestamp() - min(run_at) filter (where run_at <= clock_timestamp())), 0)::float8 as \"oldest_due_seconds\"\nfrom evenfall.job where state in ('queued', 'dispatched', 'running', 'parked')\ngroup by kind, state",
    parameters: [],
  },
  deadLetterCounts: {
    text: "select kind, class, count(*)::int as \"letters\" from evenfall.dead_letter where resolved_at is null group by kind, class",
    parameters: [],
  },
  unknownEffects: {
    text: "select count(*)::int as \"effects\" from evenfall.effect where state = 'unknown'",
    parameters: [],
  },
  databaseNow: {
    text: "select clock_timestamp() as \"now\"",
    parameters: [],
  },
  schemaState: {
    text: "select kind, payload_version from evenfall.job_kind",
    parameters: [],
  },
  claimEffect: {
    text: "select verdict as \"verdict\", id as \"id\", evidence as \"evidence\"\nfrom evenfall.claim_effect($1, $2, $3, $4, $5)",
    parameters: ['jobId', 'runNo', 'key', 'kind', 'about'],
  },
  begunEffects: {
    text: "select key, evidence as \"about\" from evenfall.effect\nwhere job_id = $1 and run_no < $2 and state = 'claimed' order by id",
    parameters: ['jobId', 'runNo'],
  },
  settleEffect: {
    text: "with current_run as (\n  select id from evenfall.job where id = $1 and run_no = $2 and state = 'running' for update\n), fence as (\n  select id from current_run union all select null where $1::bigint is null\n)\nupdate evenfall.effect e\nset state = 'settled', settled_at = clock_timestamp(), evidence = coalesce(e.evidence, '{}') || $3\nfrom fence\nwhere e.key = $4 and e.job_id is not distinct from fence.id and e.run_no = $2 and e.state = 'claimed'\nreturning e.id",
    parameters: ['jobId', 'runNo', 'evidence', 'key'],
  },
  releaseEffect: {
    text: "with current_run as (\n  select id from evenfall.job where id = $1 and run_no = $2 and state = 'running' for update\n), fence as (\n  select id from current_run union all select null where $1::bigint is null\n)\nupdate evenfall.effect e\nset state = 'released', evidence = $3\nfrom fence\nwhere e.key = $4 and e.job_id is not distinct from fence.id and e.run_no = $2 and e.state = 'claimed'\nreturning e.id",
    parameters: ['jobId', 'runNo', 'evidence', 'key'],
  },
  giveUpEffect: {
    text: "with current_run as (\n  select id from evenfall.job where id = $1 and run_no = $2 and state = 'running' for update\n), fence as (\n  select id from current_run union all select null where $1::bigint is null\n)\nupdate evenfall.effect e\nset state = 'unknown'\nfrom fence\nwhere e.key = $3 and e.job_id is not distinct from fence.id and e.run_no = $2 and e.state = 'claimed'\nreturning e.id",
    parameters: ['jobId', 'runNo', 'key'],
  },
  settleUnknown: {
    text: "update evenfall.effect\nset state = case when $1::boolean then 'settled' else 'released' end,\n    settled_at = case when $1::boolean then clock_timestamp() end,\n    evidence = coalesce(evidence, '{}') || jsonb_build_object('settledBy', $2::text)\nwhere id = $3 and state = 'unknown'\nreturning key, state",
    parameters: ['happened', 'who', 'id'],
  },
  promoteDue: {
    text: "update evenfall.job set due = true\nwhere id in (\n  select id from evenfall.job\n  where state = 'queued' and not due and run_at <= clock_timestamp()\n  order by run_at limit $1\n  for update skip locked\n)\nreturning id",
    parameters: ['batch'],
  },
  nextRun: {
    text: "select extract(epoch from min(run_at) - clock_timestamp())::float8 * 1000 as \"in_ms\" from evenfall.job where state = 'queued' and not due",
    parameters: [],
  },
  roomByQueue: {
    text: "select q.queue as \"queue\",\n  greatest(0, capacity.slots - (\n    select count(*) from evenfall.job j\n    where j.queue = q.queue and j.state = 'dispatched' and j.run_at <= clock_timestamp()\n  ) - (\n    select count(*) from evenfall.job j where j.state = 'running' and j.queue = q.queue\n  ))::int as \"room\"\nfrom unnest($1::text[]) as q (queue)\ncross join (\n  select 2 * coalesce(sum(concurrency), 0) as slots from evenfall.worker\n  where heartbeat_at > clock_timestamp() - $2::interval\n) capacity",
    parameters: ['queues', 'lease'],
  },
  claim: {
    text: "with recursive level as (\n  select min(priority) as priority from evenfall.job\n  where queue = $1 and state = 'queued' and due and kind = any ($2)\n), turn as (\n  (select j.turn from level, lateral (\n     select turn from evenfall.job\n     where queue = $1 and state = 'queued' and due and priority = level.priority and turn > $3\n       and kind = any ($2)\n     order by turn limit 1) j)\n  union all\n  select j.turn from level, turn, lateral (\n     select job.turn from evenfall.job\n     where queue = $1 and state = 'queued' and due and priority = level.priority and job.turn > turn.turn\n       and kind = any ($2)\n     order by job.turn limit 1) j\n), turns as (\n  select turn.turn from turn limit $4\n), fair as (\n  select ceil($4::numeric / greatest(count(*), 1))::int as share from turns\n), picked as (\n  select j.id from level, fair, turns, lateral (\n    select id from evenfall.job\n    where queue = $1 and state = 'queued' and due and priority = level.priority and job.turn = turns.turn\n      and kind = any ($2)\n    order by run_at, id limit fair.share\n    for update skip locked) j\n  limit $4\n)\nupdate evenfall.job\nset state = 'dispatched', due = false, dispatch_no = nextval('evenfall.dispatch_no'),\n    dispatched_at = clock_timestamp()\nfrom picked\nwhere job.id = picked.id\nreturning job.id, job.kind, job.payload, job.dispatch_no as \"dispatch_no\", job.turn as \"turn\", job.priority",
    parameters: ['queue', 'kinds', 'after', 'slots'],
  },
  start: {
    text: "select verdict as \"verdict\", payload as \"payload\", team_id as \"team_id\", attempts as \"attempts\",\n  crashes as \"crashes\", asks as \"asks\", run_no as \"run_no\", run_at as \"run_at\",\n  deadline_at as \"deadline_at\", last_error as \"last_error\", db_now as \"db_now\"\nfrom evenfall.start_job($1, $2, $3, $4, $5)",
    parameters: ['id', 'dispatchNo', 'workerId', 'lease', 'payloadVersion'],
  },
  finish: {
    text: "update evenfall.job\nset state = case when rerun_payload is null then $1 else 'queued' end,\n    due = rerun_payload is not null and rerun_at <= clock_timestamp(),\n    finished_at = case when rerun_payload is null then clock_timestamp() end,\n    outcome = $2, public_message = null, last_error = null, worker_id = null, waiting_since = null,\n    payload = coalesce(rerun_payload, payload), run_at = coalesce(rerun_at, run_at),\n    deadline_at = coalesce(\n      rerun_at + (select give_up_after from evenfall.job_kind k where k.kind = job.kind), deadline_at),\n    attempts = case when rerun_payload is null then attempts else 0 end,\n    asks = asks + (rerun_payload is not null)::int, rerun_payload = null, rerun_at = null\nwhere id = $3 and run_no = $4 and state = 'running'\nreturning state",
    parameters: ['state', 'outcome', 'id', 'runNo'],
  },
  retry: {
    text: "update evenfall.job\nset state = case when cancel_requested then 'cancelled' else 'dispatched' end,\n    finished_at = case when cancel_requested then clock_timestamp() end,\n    attempts = attempts + 1, run_at = clock_timestamp() + $1 * interval '1 millisecond',\n    last_error = $2, public_message = $3, worker_id = null, waiting_since = null,\n    payload = coalesce(rerun_payload, payload), asks = asks + (rerun_payload is not null)::int,\n    rerun_payload = null, rerun_at = null\nwhere id = $4 and run_no = $5 and state = 'running'\nreturning state",
    parameters: ['delayMs', 'error', 'publicMessage', 'id', 'runNo'],
  },
  snooze: {
    text: "update evenfall.job\nset state = case when cancel_requested then 'cancelled' else 'dispatched' end,\n    finished_at = case when cancel_requested then clock_timestamp() end,\n    run_at = clock_timestamp() + $1 * interval '1 millisecond', worker_id = null,\n    last_error = coalesce($2, last_error),\n    waiting_since = case when $3::boolean then coalesce(waiting_since, clock_timestamp()) end,\n    payload = coalesce(rerun_payload, payload), asks = asks + (rerun_payload is not null)::int,\n    rerun_payload = null, rerun_at = null\nwhere id = $4 and run_no = $5 and state = 'running'\nreturning state, waiting_since",
    parameters: ['delayMs', 'error', 'waiting', 'id', 'runNo'],
  },
  bury: {
    text: "with ended as (\n  update evenfall.job\n  set state = case when rerun_payload is null then 'dead' else 'queued' end,\n      due = rerun_payload is not null and rerun_at <= clock_timestamp(),\n      finished_at = case when rerun_payload is null then clock_timestamp() end,\n      last_error = $1, public_message = $2, worker_id = null, waiting_since = null,\n      payload = coalesce(rerun_payload, payload), run_at = coalesce(rerun_at, run_at),\n      deadline_at = coalesce(\n      rerun_at + (select give_up_after from evenfall.job_kind k where k.kind = job.kind), deadline_at),\n      attempts = case when rerun_payload is null then attempts + 1 else 0 end,\n      asks = asks + (rerun_payload is not null)::int, rerun_payload = null, rerun_at = null\n  where id = $3 and run_no = $4 and state = 'running'\n  returning *\n), letter as (\n  insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, code, error, attempts, crashes)\n  select id, run_no, kind, team_id, $5, $6, $1, attempts, crashes from ended where state = 'dead'\n  on conflict (job_id, run_no) do nothing\n  returning id\n)\nselect ended.state as \"state\", letter.id as \"dead_letter_id\",\n  case when letter.id is not null and ended.kind <> 'alert-dead-letter'\n    then evenfall.enqueue('alert-dead-letter', jsonb_build_object('deadLetterId', letter.id)) end as \"alert_id\"\nfrom ended left join letter on true",
    parameters: ['error', 'publicMessage', 'id', 'runNo', 'class', 'code'],
  },
  park: {
    text: "update evenfall.job set state = 'parked'\nwhere id = $1 and dispatch_no = $2 and state = 'dispatched'\nreturning id",
    parameters: ['id', 'dispatchNo'],
  },
  unpark: {
    text: "update evenfall.job j set state = 'queued', due = j.run_at <= clock_timestamp()\nfrom unnest($1::text[], $2::int[]) as known (kind, payload_version)\nwhere j.state = 'parked' and j.kind = known.kind and j.payload_version <= known.payload_version\nreturning j.id",
    parameters: ['kinds', 'payloadVersions'],
  },
  giveBack: {
    text: "update evenfall.job\nset state = case when cancel_requested then 'cancelled' else 'queued' end,\n    finished_at = case when cancel_requested then clock_timestamp() end,\n    due = not cancel_requested and run_at <= clock_timestamp(), worker_id = null,\n    payload = coalesce(rerun_payload, payload), rerun_payload = null, rerun_at = null\nwhere id = $1 and run_no = $2 and state = 'running'\nreturning id",
    parameters: ['id', 'runNo'],
  },
  rescue: {
    text: "update evenfall.job j\nset state = case when j.cancel_requested then 'cancelled' else 'queued' end,\n    finished_at = case when j.cancel_requested then clock_timestamp() end,\n    due = not j.cancel_requested, run_at = least(j.run_at, clock_timestamp()), worker_id = null, crashes = j.crashes + 1\nfrom evenfall.job_kind k\nwhere j.state = 'running' and k.kind = j.kind and j.crashes < k.crash_budget\n  and not evenfall.worker_lives(j.worker_id, $1::interval)\nreturning j.id, j.kind, j.crashes",
    parameters: ['lease'],
  },
  findPoison: {
    text: "select j.id, j.run_no, j.kind, j.crashes\nfrom evenfall.job j join evenfall.job_kind k using (kind)\nwhere j.state = 'running' and j.crashes >= k.crash_budget\n  and not evenfall.worker_lives(j.worker_id, $1::interval)",
    parameters: ['lease'],
  },
  findDispatched: {
    text: "select id, kind, dispatch_no as \"dispatch_no\",\n  extract(epoch from clock_timestamp() - run_at)::float8 * 1000 as \"overdue_ms\"\nfrom evenfall.job\nwhere queue = $1 and state = 'dispatched' and id > $2\n  and dispatched_at < clock_timestamp() - $3::interval\norder by id limit $4",
    parameters: ['queue', 'afterId', 'settleTime', 'batch'],
  },
  requeueLost: {
    text: "update evenfall.job j set state = 'queued', due = j.run_at <= clock_timestamp()\nfrom unnest($1::bigint[], $2::bigint[]) as lost (id, dispatch_no)\nwhere j.id = lost.id and j.dispatch_no = lost.dispatch_no and j.state = 'dispatched'\nreturning j.id",
    parameters: ['ids', 'dispatchNos'],
  },
  takeFailed: {
    text: "update evenfall.job\nset state = 'running', run_no = run_no + 1, worker_id = $1, started_at = clock_timestamp()\nwhere id = $2 and dispatch_no = $3 and state = 'dispatched'\nreturning run_no",
    parameters: ['workerId', 'id', 'dispatchNo'],
  },
  replay: {
    text: "with replayed as (\n  update evenfall.job j\n  set state = 'queued', due = true, finished_at = null, outcome = null, public_message = null,\n      attempts = 0, crashes = 0, run_at = clock_timestamp(), deadline_at = clock_timestamp() + k.give_up_after,\n      cancel_requested = false, asks = j.asks + 1\n  from evenfall.job_kind k\n  where j.id = $1 and j.state = 'dead' and k.kind = j.kind\n    and not exists (\n      select from evenfall.job newer\n      where newer.kind = j.kind and newer.key = j.key and newer.state in ('queued', 'dispatched', 'running', 'parked'))\n  returning j.id, j.queue, j.dispatch_no\n), resolved as (\n  update evenfall.dead_letter d set resolved_at = clock_timestamp(), resolution = $2\n  from replayed where d.job_id = replayed.id and d.resolved_at is null\n  returning d.id\n)\nselect replayed.id as \"id\", replayed.queue as \"queue\", replayed.dispatch_no as \"dispatch_no\",\n  pg_notify('evenfall_job', '')::text as \"notified\"\nfrom replayed",
    parameters: ['id', 'resolution'],
  },
  beat: {
    text: "insert into evenfall.worker (id, concurrency) values ($1, $2)\non conflict (id) do update set heartbeat_at = clock_timestamp(), concurrency = excluded.concurrency\nreturning heartbeat_at",
    parameters: ['id', 'concurrency'],
  },
  signOff: {
    text: "delete from evenfall.worker where id = $1 returning id",
    parameters: ['id'],
  },
  forgetDeadWorkers: {
    text: "delete from evenfall.worker w\nwhere w.heartbeat_at < clock_timestamp() - interval '1 hour'\n  and not exists (select from evenfall.job j where j.state = 'running' and j.worker_id = w.id)\nreturning id",
    parameters: [],
  },
} satisfies Record<keyof Machine, Statement>;
