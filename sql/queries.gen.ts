// Written by scripts/generate-queries.ts from the .sql files beside it. Do not edit: `npm run generate`.



export interface Statement {
  readonly text: string;
  readonly parameters: readonly string[];
  /** Those that are JSON in SQL: whatever is given is sent as JSON, an array and a text too. */
  readonly json?: readonly string[];
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

export interface ReadBeginsRow {
  readAt: string;
}

export interface MirrorRow {
  mirrored: string;
}

export interface MirroredLiveSubscriptionsRow {
  id: string;
}

export interface MarkGoneOfCustomerRow {
  id: string;
}

export interface MarkDetachedOfCustomerRow {
  id: string;
}

export interface BeginBackfillRow {
  id: number;
  phase: string;
  cursor: string | null;
  pages: number;
  objects: number;
}

export interface MirrorPageRow {
  id: number;
  phase: string;
  cursor: string | null;
  pages: number;
  objects: number;
  mirrored: string;
}

export interface FinishBackfillRow {
  gone: number;
  deleted: number;
  detached: number;
}

export interface RecordNoticeRow {
  id: number;
}

export interface TeamOfCustomerRow {
  teamId: string;
  teamName: string | null;
  timeZone: string | null;
  ownerEmail: string | null;
  ownerIsActive: boolean;
}

export interface TrialReminderRow {
  verdict: string;
}

export interface CardExpiryRow {
  verdict: string;
}

export interface CustomerOfCardRow {
  customerId: string;
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
   * When a read of Stripe begins, by the database's clock: what is written from it carries this time.
   * As text, which keeps the microseconds that a JavaScript Date would drop.
   */
  readBegins(): Promise<ReadBeginsRow[]>;
  mirror(parameters: { readAt: string; seen: unknown }): Promise<MirrorRow[]>;
  /**
   * Of a customer that is deleted: Stripe lists them no more.
   */
  mirroredLiveSubscriptions(parameters: { customerId: string }): Promise<MirroredLiveSubscriptionsRow[]>;
  /**
   * What a whole read of the customer did not show any more, unless a later read did.
   */
  markGoneOfCustomer(parameters: { readAt: string; customerId: string }): Promise<MarkGoneOfCustomerRow[]>;
  /**
   * Cards that back nothing of the customer's any more.
   */
  markDetachedOfCustomer(parameters: { readAt: string; customerId: string }): Promise<MarkDetachedOfCustomerRow[]>;
  /**
   * The backfill that is under way, or a new one.
   */
  beginBackfill(): Promise<BeginBackfillRow[]>;
  /**
   * A page's rows and the cursor behind them, together or not at all. `pages` is the fence: of two runs that
   * read the same page one writes it, and the other is told by no row that it is behind.
   */
  mirrorPage(parameters: { phase: string; cursor: string | null; count: number; id: number; pages: number; readAt: string; seen: unknown }): Promise<MirrorPageRow[]>;
  /**
   * Every page is in: what none of them showed is not there any more, unless a read since the start says so.
   */
  finishBackfill(parameters: { id: number; pages: number }): Promise<FinishBackfillRow[]>;
  /**
   * The end of a mail on its occasion. One that was suppressed may be sent after all, when a person asks for it;
   * nothing else is ever rewritten.
   */
  recordNotice(parameters: { kind: string; subject: string; occasion: string; teamId: string | null; state: string; reason: string | null; recipientHash: string | null; messageId: string | null; jobId: number | null; at: Date }): Promise<RecordNoticeRow[]>;
  /**
   * Who is written to about a Stripe customer: the owner of its team (sql/functions/team_of_customer.sql).
   */
  teamOfCustomer(parameters: { customerId: string; namedTeam: string | null }): Promise<TeamOfCustomerRow[]>;
  /**
   * Whether a reminder is due, by what Stripe says now.
   */
  trialReminder(parameters: { trialStart: Date | null; trialEnd: Date; reminder: string; reminders: string[]; now: Date }): Promise<TrialReminderRow[]>;
  /**
   * Whether the mail about a card is due, by what Stripe says now.
   */
  cardExpiry(parameters: { expiresAt: Date; cardWindow: string; now: Date }): Promise<CardExpiryRow[]>;
  customerOfCard(parameters: { id: string }): Promise<CustomerOfCardRow[]>;
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
    json: ['detail'],
  },
  readBegins: {
    text: "select clock_timestamp()::text as \"read_at\"",
    parameters: [],
  },
  mirror: {
    text: "select evenfall.mirror($1::text::timestamptz, $2)::text as \"mirrored\"",
    parameters: ['readAt', 'seen'],
    json: ['seen'],
  },
  mirroredLiveSubscriptions: {
    text: "select id from evenfall.subscription\nwhere customer_id = $1 and not gone and status not in ('canceled', 'incomplete_expired')\norder by id",
    parameters: ['customerId'],
  },
  markGoneOfCustomer: {
    text: "update evenfall.subscription set gone = true, read_at = $1::text::timestamptz\nwhere customer_id = $2 and read_at < $1::text::timestamptz and not gone\nreturning id",
    parameters: ['readAt', 'customerId'],
  },
  markDetachedOfCustomer: {
    text: "update evenfall.card set detached = true, read_at = $1::text::timestamptz\nwhere customer_id = $2 and read_at < $1::text::timestamptz and not detached\nreturning id",
    parameters: ['readAt', 'customerId'],
  },
  beginBackfill: {
    text: "with begun as (\n  insert into evenfall.backfill default values on conflict do nothing\n  returning id, phase, cursor, pages, objects\n)\nselect id as \"id\", phase as \"phase\", cursor as \"cursor\", pages as \"pages\",\n  objects as \"objects\"\nfrom (select * from begun\n  union all\n  select id, phase, cursor, pages, objects from evenfall.backfill where finished_at is null) b\nlimit 1",
    parameters: [],
  },
  mirrorPage: {
    text: "with moved as (\n  update evenfall.backfill\n  set phase = $1, cursor = $2, pages = pages + 1, objects = objects + $3\n  where id = $4 and pages = $5 and finished_at is null\n  returning id, phase, cursor, pages, objects\n)\nselect id as \"id\", phase as \"phase\", cursor as \"cursor\", pages as \"pages\",\n  objects as \"objects\", evenfall.mirror($6::text::timestamptz, $7)::text as \"mirrored\"\nfrom moved",
    parameters: ['phase', 'cursor', 'count', 'id', 'pages', 'readAt', 'seen'],
    json: ['seen'],
  },
  finishBackfill: {
    text: "with finished as (\n  update evenfall.backfill set phase = 'finished', cursor = null, finished_at = clock_timestamp()\n  where id = $1 and pages = $2 and finished_at is null\n  returning started_at\n), gone as (\n  update evenfall.subscription s set gone = true, read_at = f.started_at\n  from finished f where s.read_at < f.started_at and not s.gone returning s.id\n), deleted as (\n  update evenfall.customer c\n  set deleted = true, email_hash = null, default_payment_method = null, read_at = f.started_at\n  from finished f where c.read_at < f.started_at and not c.deleted returning c.id\n), detached as (\n  update evenfall.card d set detached = true, read_at = f.started_at\n  from finished f where d.read_at < f.started_at and not d.detached returning d.id\n)\nselect (select count(*) from gone)::int as \"gone\", (select count(*) from deleted)::int as \"deleted\",\n  (select count(*) from detached)::int as \"detached\"\nfrom finished",
    parameters: ['id', 'pages'],
  },
  recordNotice: {
    text: "insert into evenfall.notice as n\n  (kind, subject, occasion, team_id, state, reason, recipient_hash, message_id, job_id, at)\nvalues ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)\non conflict (kind, subject, occasion) do update\n  set team_id = excluded.team_id, state = excluded.state, reason = excluded.reason,\n      recipient_hash = excluded.recipient_hash, message_id = excluded.message_id, job_id = excluded.job_id,\n      at = excluded.at\n  where n.state = 'suppressed' and excluded.state <> 'suppressed'\nreturning n.id",
    parameters: ['kind', 'subject', 'occasion', 'teamId', 'state', 'reason', 'recipientHash', 'messageId', 'jobId', 'at'],
  },
  teamOfCustomer: {
    text: "select t.id::text as \"team_id\", t.name as \"team_name\", t.time_zone as \"time_zone\", u.email as \"owner_email\",\n  coalesce(u.is_active, false) as \"owner_is_active\"\nfrom evenfall.app_team t left join evenfall.app_user u on u.id = t.owner_id\nwhere t.id = evenfall.team_of_customer($1, $2)::evenfall.app_team_id",
    parameters: ['customerId', 'namedTeam'],
  },
  trialReminder: {
    text: "select evenfall.trial_reminder($1, $2, $3, $4, $5) as \"verdict\"",
    parameters: ['trialStart', 'trialEnd', 'reminder', 'reminders', 'now'],
  },
  cardExpiry: {
    text: "select evenfall.card_expiry($1, $2, $3) as \"verdict\"",
    parameters: ['expiresAt', 'cardWindow', 'now'],
  },
  customerOfCard: {
    text: "select customer_id as \"customer_id\" from evenfall.card where id = $1 and customer_id is not null",
    parameters: ['id'],
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

export interface TellUnknownRow {
  id: number;
  alertId: number;
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

export interface DeclareScheduleRow {
  name: string;
}

export interface MoveScheduleRow {
  name: string;
}

export interface LockScheduleRow {
  name: string;
}

export interface ScheduleStatesRow {
  name: string;
  pattern: string;
  lastDueAt: Date | null;
  lastOutcome: string | null;
  accountedTo: Date;
  now: Date;
}

export interface RecordScheduleRunsRow {
  dueAt: Date;
}

export interface LockSchedulersRow {
  locked: string | null;
}

export interface StoreEventRow {
  id: string;
}

export interface NoteJobOfEventRow {
  id: string;
}

export interface AskFirstBackfillRow {
  id: number;
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
   * The job goes on without an act that nobody can vouch for; people are told as of a dead letter, which stays open
   * until the effect is settled.
   */
  tellUnknown(parameters: { runNo: number; code: string; error: unknown; jobId: number }): Promise<TellUnknownRow[]>;
  /**
   * unknown → settled or released, by a person who looked. Of a mail the ledger of mails then says the same: it was
   * sent, or it is due again. A letter that only told of it is resolved; one of a dead job waits for its replay.
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
   * A schedule seen for the first time is due from now on. A known one keeps its pattern until its occurrences so
   * far are accounted for: see moveSchedule.
   */
  declareSchedule(parameters: { name: string; pattern: string }): Promise<DeclareScheduleRow[]>;
  /**
   * Another pattern, from now on: what it would have been due before never was.
   */
  moveSchedule(parameters: { pattern: string; name: string }): Promise<MoveScheduleRow[]>;
  /**
   * Only the statement after this one sees what the tick that held the lock has recorded.
   */
  lockSchedule(parameters: { name: string }): Promise<LockScheduleRow[]>;
  /**
   * The last occurrence accounted for, and from when on the next ones count. What is due since then is late: the
   * command line, the watchdog and the gauge of lateness read it here. Rides the key of schedule_run.
   */
  scheduleStates(parameters: { names: string[] }): Promise<ScheduleStatesRow[]>;
  /**
   * Once an occurrence, whoever else records it.
   */
  recordScheduleRuns(parameters: { schedule: string; runs: unknown }): Promise<RecordScheduleRunsRow[]>;
  /**
   * One process at a time compares BullMQ's job schedulers with the code: some of BullMQ's backends make two of
   * one when they are set up at once.
   */
  lockSchedulers(): Promise<LockSchedulersRow[]>;
  /**
   * No row: it is here already, for Stripe delivers at least once.
   */
  storeEvent(parameters: { id: string; type: string; objectId: string | null; customerId: string | null; livemode: boolean; createdAt: Date; ignored: string | null }): Promise<StoreEventRow[]>;
  noteJobOfEvent(parameters: { jobId: number; id: string }): Promise<NoteJobOfEventRow[]>;
  /**
   * Until Stripe was read once as a whole the mirror is no picture of it. The key: of several workers that boot
   * at once only one asks.
   */
  askFirstBackfill(parameters: { kind: string }): Promise<AskFirstBackfillRow[]>;
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
    json: ['payload'],
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
    json: ['about'],
  },
  begunEffects: {
    text: "select key, evidence as \"about\" from evenfall.effect\nwhere job_id = $1 and run_no < $2 and state = 'claimed' order by id",
    parameters: ['jobId', 'runNo'],
  },
  settleEffect: {
    text: "with current_run as (\n  select id from evenfall.job where id = $1 and run_no = $2 and state = 'running' for update\n), fence as (\n  select id from current_run union all select null where $1::bigint is null\n)\nupdate evenfall.effect e\nset state = 'settled', settled_at = clock_timestamp(), evidence = coalesce(e.evidence, '{}') || $3\nfrom fence\nwhere e.key = $4 and e.job_id is not distinct from fence.id and e.run_no = $2 and e.state = 'claimed'\nreturning e.id",
    parameters: ['jobId', 'runNo', 'evidence', 'key'],
    json: ['evidence'],
  },
  releaseEffect: {
    text: "with current_run as (\n  select id from evenfall.job where id = $1 and run_no = $2 and state = 'running' for update\n), fence as (\n  select id from current_run union all select null where $1::bigint is null\n)\nupdate evenfall.effect e\nset state = 'released', evidence = $3\nfrom fence\nwhere e.key = $4 and e.job_id is not distinct from fence.id and e.run_no = $2 and e.state = 'claimed'\nreturning e.id",
    parameters: ['jobId', 'runNo', 'evidence', 'key'],
    json: ['evidence'],
  },
  giveUpEffect: {
    text: "with current_run as (\n  select id from evenfall.job where id = $1 and run_no = $2 and state = 'running' for update\n), fence as (\n  select id from current_run union all select null where $1::bigint is null\n)\nupdate evenfall.effect e\nset state = 'unknown'\nfrom fence\nwhere e.key = $3 and e.job_id is not distinct from fence.id and e.run_no = $2 and e.state = 'claimed'\nreturning e.id",
    parameters: ['jobId', 'runNo', 'key'],
  },
  tellUnknown: {
    text: "with letter as (\n  insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, code, error, attempts, crashes)\n  select j.id, $1, j.kind, j.team_id, 'unknown_effect', $2, $3, j.attempts, j.crashes\n  from evenfall.job j where j.id = $4\n  on conflict (job_id, run_no) do nothing\n  returning id\n)\nselect id as \"id\", evenfall.enqueue('alert-dead-letter', jsonb_build_object('deadLetterId', id)) as \"alert_id\"\nfrom letter",
    parameters: ['runNo', 'code', 'error', 'jobId'],
    json: ['error'],
  },
  settleUnknown: {
    text: "with looked as (\n  update evenfall.effect\n  set state = case when $1::boolean then 'settled' else 'released' end,\n      settled_at = case when $1::boolean then clock_timestamp() end,\n      evidence = coalesce(evidence, '{}') || jsonb_build_object('settledBy', $2::text)\n  where id = $3 and state = 'unknown'\n  returning key, state, job_id\n), told as (\n  update evenfall.dead_letter d set resolved_at = clock_timestamp(), resolution = 'effect settled by ' || $2::text\n  from looked join evenfall.job j on j.id = looked.job_id\n  where d.job_id = j.id and j.state <> 'dead' and d.class = 'unknown_effect' and d.resolved_at is null\n), sent as (\n  update evenfall.notice n set state = 'sent' from looked\n  where n.state = 'unknown' and looked.state = 'settled'\n    and looked.key = 'mail:' || n.kind || ':' || n.subject || ':' || n.occasion\n), again as (\n  delete from evenfall.notice n using looked\n  where n.state = 'unknown' and looked.state = 'released'\n    and looked.key = 'mail:' || n.kind || ':' || n.subject || ':' || n.occasion\n)\nselect key as \"key\", state as \"state\" from looked",
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
    json: ['outcome'],
  },
  retry: {
    text: "update evenfall.job\nset state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'dispatched' end,\n    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,\n    attempts = attempts + 1, run_at = clock_timestamp() + $1 * interval '1 millisecond',\n    last_error = $2, public_message = $3, worker_id = null, waiting_since = null,\n    payload = coalesce(rerun_payload, payload), asks = asks + (rerun_payload is not null)::int,\n    rerun_payload = null, rerun_at = null\nwhere id = $4 and run_no = $5 and state = 'running'\nreturning state",
    parameters: ['delayMs', 'error', 'publicMessage', 'id', 'runNo'],
    json: ['error'],
  },
  snooze: {
    text: "update evenfall.job\nset state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'dispatched' end,\n    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,\n    run_at = clock_timestamp() + $1 * interval '1 millisecond', worker_id = null,\n    last_error = coalesce($2, last_error),\n    waiting_since = case when $3::boolean then coalesce(waiting_since, clock_timestamp()) end,\n    payload = coalesce(rerun_payload, payload), asks = asks + (rerun_payload is not null)::int,\n    rerun_payload = null, rerun_at = null\nwhere id = $4 and run_no = $5 and state = 'running'\nreturning state, waiting_since",
    parameters: ['delayMs', 'error', 'waiting', 'id', 'runNo'],
    json: ['error'],
  },
  bury: {
    text: "with ended as (\n  update evenfall.job\n  set state = case when rerun_payload is null then 'dead' else 'queued' end,\n      due = rerun_payload is not null and rerun_at <= clock_timestamp(),\n      finished_at = case when rerun_payload is null then clock_timestamp() end,\n      last_error = $1, public_message = $2, worker_id = null, waiting_since = null,\n      payload = coalesce(rerun_payload, payload), run_at = coalesce(rerun_at, run_at),\n      deadline_at = coalesce(\n      rerun_at + (select give_up_after from evenfall.job_kind k where k.kind = job.kind), deadline_at),\n      attempts = case when rerun_payload is null then attempts + 1 else 0 end,\n      asks = asks + (rerun_payload is not null)::int, rerun_payload = null, rerun_at = null\n  where id = $3 and run_no = $4 and state = 'running'\n  returning *\n), letter as (\n  insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, code, error, attempts, crashes)\n  select id, run_no, kind, team_id, $5, $6, $1, attempts, crashes from ended where state = 'dead'\n  on conflict (job_id, run_no) do nothing\n  returning id\n)\nselect ended.state as \"state\", letter.id as \"dead_letter_id\",\n  case when letter.id is not null and ended.kind <> 'alert-dead-letter'\n    then evenfall.enqueue('alert-dead-letter', jsonb_build_object('deadLetterId', letter.id)) end as \"alert_id\"\nfrom ended left join letter on true",
    parameters: ['error', 'publicMessage', 'id', 'runNo', 'class', 'code'],
    json: ['error'],
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
    text: "update evenfall.job\nset state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'queued' end,\n    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,\n    due = not evenfall.is_withdrawn(job) and run_at <= clock_timestamp(), worker_id = null,\n    payload = coalesce(rerun_payload, payload), rerun_payload = null, rerun_at = null\nwhere id = $1 and run_no = $2 and state = 'running'\nreturning id",
    parameters: ['id', 'runNo'],
  },
  rescue: {
    text: "update evenfall.job j\nset state = case when evenfall.is_withdrawn(j) then 'cancelled' else 'queued' end,\n    finished_at = case when evenfall.is_withdrawn(j) then clock_timestamp() end,\n    due = not evenfall.is_withdrawn(j), run_at = least(j.run_at, clock_timestamp()), worker_id = null, crashes = j.crashes + 1\nfrom evenfall.job_kind k\nwhere j.state = 'running' and k.kind = j.kind and j.crashes < k.crash_budget\n  and not evenfall.worker_lives(j.worker_id, $1::interval)\nreturning j.id, j.kind, j.crashes",
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
  declareSchedule: {
    text: "insert into evenfall.schedule (name, pattern) values ($1, $2)\non conflict (name) do nothing\nreturning name",
    parameters: ['name', 'pattern'],
  },
  moveSchedule: {
    text: "update evenfall.schedule set pattern = $1, since = clock_timestamp()\nwhere name = $2 and pattern <> $1\nreturning name",
    parameters: ['pattern', 'name'],
  },
  lockSchedule: {
    text: "select name from evenfall.schedule where name = $1 for update",
    parameters: ['name'],
  },
  scheduleStates: {
    text: "select s.name as \"name\", s.pattern as \"pattern\", last.due_at as \"last_due_at\", last.outcome as \"last_outcome\",\n  greatest(s.since, last.due_at) as \"accounted_to\", clock_timestamp() as \"now\"\nfrom evenfall.schedule s\nleft join lateral (\n  select due_at, outcome from evenfall.schedule_run r where r.schedule = s.name order by due_at desc limit 1\n) last on true\nwhere s.name = any ($1)\norder by s.name",
    parameters: ['names'],
  },
  recordScheduleRuns: {
    text: "insert into evenfall.schedule_run (schedule, due_at, outcome, reason, job_id)\nselect $1, run.\"dueAt\", run.outcome, run.reason, run.\"jobId\"\nfrom jsonb_to_recordset($2) as run (\"dueAt\" timestamptz, outcome text, reason text, \"jobId\" bigint)\non conflict (schedule, due_at) do nothing\nreturning due_at",
    parameters: ['schedule', 'runs'],
    json: ['runs'],
  },
  lockSchedulers: {
    text: "select pg_advisory_xact_lock(hashtext('evenfall schedulers'))::text as \"locked\"",
    parameters: [],
  },
  storeEvent: {
    text: "insert into evenfall.stripe_event (id, type, object_id, customer_id, livemode, created_at, ignored)\nvalues ($1, $2, $3, $4, $5, $6, $7)\non conflict (id) do nothing\nreturning id",
    parameters: ['id', 'type', 'objectId', 'customerId', 'livemode', 'createdAt', 'ignored'],
  },
  noteJobOfEvent: {
    text: "update evenfall.stripe_event set job_id = $1 where id = $2 returning id",
    parameters: ['jobId', 'id'],
  },
  askFirstBackfill: {
    text: "select evenfall.enqueue($1, '{}', 'first') as \"id\"\nwhere not exists (select from evenfall.backfill where finished_at is not null)",
    parameters: ['kind'],
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

/** What a sweep may ask for. */
export interface SweepParameters {
  cardWindow: string;
  now: Date;
  trialReminders: string[];
}

/** One that is due. */
export interface SweepDueRow {
  payload: unknown;
  teamId: string | null;
  subject: string;
  why: string;
}

export interface SweepEnqueueRow {
  due: number;
  enqueued: number;
}

export interface SweepStatements {
  readonly list: Statement;
  readonly enqueue: Statement;
}

/** By kind. */
export const sweeps: Readonly<Record<string, SweepStatements>> = {
  'expiring-card-email': {
    list: { text: "select jsonb_build_object('cardId', due.id) as payload,\n  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,\n  due.id as subject,\n  'the card expires at the end of ' || due.month || ' and backs ' || due.backed as why\nfrom (\n  select c.id, c.customer_id, u.team_id, b.backed,\n    to_char(c.exp_year, 'FM0000') || '-' || to_char(c.exp_month, 'FM00') as month\n  from evenfall.card c\n  left join evenfall.customer u on u.id = c.customer_id\n  cross join lateral (\n    select string_agg(s.id, ' ' order by s.id) as backed\n    from (\n      select s.* from evenfall.subscription s where s.default_payment_method = c.id\n      union all\n      select s.* from evenfall.customer p join evenfall.subscription s on s.customer_id = p.id\n      where p.default_payment_method = c.id and s.default_payment_method is null\n    ) s\n    where s.status in ('active', 'trialing', 'past_due') and not s.gone and not s.cancel_at_period_end\n      and (s.cancel_at is null or s.cancel_at > greatest(c.expires_at, s.current_period_end))\n  ) b\n  where not c.detached and b.backed is not null\n    and c.expires_at > $1::timestamptz\n    and evenfall.card_expiry(c.expires_at, $2::text, $1::timestamptz) = 'due'\n) due\nwhere not exists (\n    select from evenfall.notice n\n    where n.kind = 'expiring-card' and n.subject = 'card:' || due.id and n.occasion = due.month)\n  and not exists (\n    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id\n    where d.resolved_at is null and d.kind = 'expiring-card-email'\n      and j.payload @> jsonb_build_object('cardId', due.id))\norder by due.month, due.id", parameters: ['now', 'cardWindow'] },
    enqueue: { text: "with due as (\nselect jsonb_build_object('cardId', due.id) as payload,\n  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,\n  due.id as subject,\n  'the card expires at the end of ' || due.month || ' and backs ' || due.backed as why\nfrom (\n  select c.id, c.customer_id, u.team_id, b.backed,\n    to_char(c.exp_year, 'FM0000') || '-' || to_char(c.exp_month, 'FM00') as month\n  from evenfall.card c\n  left join evenfall.customer u on u.id = c.customer_id\n  cross join lateral (\n    select string_agg(s.id, ' ' order by s.id) as backed\n    from (\n      select s.* from evenfall.subscription s where s.default_payment_method = c.id\n      union all\n      select s.* from evenfall.customer p join evenfall.subscription s on s.customer_id = p.id\n      where p.default_payment_method = c.id and s.default_payment_method is null\n    ) s\n    where s.status in ('active', 'trialing', 'past_due') and not s.gone and not s.cancel_at_period_end\n      and (s.cancel_at is null or s.cancel_at > greatest(c.expires_at, s.current_period_end))\n  ) b\n  where not c.detached and b.backed is not null\n    and c.expires_at > $1::timestamptz\n    and evenfall.card_expiry(c.expires_at, $2::text, $1::timestamptz) = 'due'\n) due\nwhere not exists (\n    select from evenfall.notice n\n    where n.kind = 'expiring-card' and n.subject = 'card:' || due.id and n.occasion = due.month)\n  and not exists (\n    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id\n    where d.resolved_at is null and d.kind = 'expiring-card-email'\n      and j.payload @> jsonb_build_object('cardId', due.id))\norder by due.month, due.id\n), enqueued as (\n  insert into evenfall.job (kind, queue, payload, payload_version, key, team_id, due, run_at, deadline_at, source)\n  select k.kind, k.queue, due.payload, k.payload_version, evenfall.default_key(k.key_fields, due.payload),\n    coalesce(due.team_id, due.payload->>k.team_field), true, clock_timestamp(), clock_timestamp() + k.give_up_after,\n    'sweep:expiring-card-email'\n  from due cross join evenfall.job_kind k\n  where k.kind = 'expiring-card-email'\n  order by 5\n  on conflict (kind, key) where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing\n  returning 1\n)\nselect (select count(*) from due)::int as due, (select count(*) from enqueued)::int as enqueued", parameters: ['now', 'cardWindow'] },
  },
  'trial-ending-email': {
    list: { text: "select jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder) as payload,\n  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,\n  due.id as subject,\n  'the trial ends at ' || due.ends || ', the reminder is due ' || due.reminder || ' before' as why\nfrom (\n  select s.id, s.customer_id, c.team_id, o.reminder,\n    to_char(s.trial_end at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') as ends\n  from evenfall.subscription s\n  cross join unnest($1::text[]) as o (reminder)\n  left join evenfall.customer c on c.id = s.customer_id\n  where s.status = 'trialing' and not s.gone and not s.cancel_at_period_end and s.cancel_at is null\n    and s.trial_end > $2::timestamptz\n    and evenfall.trial_reminder(s.trial_start, s.trial_end, o.reminder, $1::text[], $2::timestamptz) = 'due'\n) due\nwhere not exists (\n    select from evenfall.notice n\n    where n.kind = 'trial-ending' and n.subject = 'subscription:' || due.id\n      and n.occasion = due.ends || ' ' || due.reminder)\n  and not exists (\n    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id\n    where d.resolved_at is null and d.kind = 'trial-ending-email'\n      and j.payload @> jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder))\norder by due.ends, due.id, due.reminder", parameters: ['trialReminders', 'now'] },
    enqueue: { text: "with due as (\nselect jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder) as payload,\n  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,\n  due.id as subject,\n  'the trial ends at ' || due.ends || ', the reminder is due ' || due.reminder || ' before' as why\nfrom (\n  select s.id, s.customer_id, c.team_id, o.reminder,\n    to_char(s.trial_end at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') as ends\n  from evenfall.subscription s\n  cross join unnest($1::text[]) as o (reminder)\n  left join evenfall.customer c on c.id = s.customer_id\n  where s.status = 'trialing' and not s.gone and not s.cancel_at_period_end and s.cancel_at is null\n    and s.trial_end > $2::timestamptz\n    and evenfall.trial_reminder(s.trial_start, s.trial_end, o.reminder, $1::text[], $2::timestamptz) = 'due'\n) due\nwhere not exists (\n    select from evenfall.notice n\n    where n.kind = 'trial-ending' and n.subject = 'subscription:' || due.id\n      and n.occasion = due.ends || ' ' || due.reminder)\n  and not exists (\n    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id\n    where d.resolved_at is null and d.kind = 'trial-ending-email'\n      and j.payload @> jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder))\norder by due.ends, due.id, due.reminder\n), enqueued as (\n  insert into evenfall.job (kind, queue, payload, payload_version, key, team_id, due, run_at, deadline_at, source)\n  select k.kind, k.queue, due.payload, k.payload_version, evenfall.default_key(k.key_fields, due.payload),\n    coalesce(due.team_id, due.payload->>k.team_field), true, clock_timestamp(), clock_timestamp() + k.give_up_after,\n    'sweep:trial-ending-email'\n  from due cross join evenfall.job_kind k\n  where k.kind = 'trial-ending-email'\n  order by 5\n  on conflict (kind, key) where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing\n  returning 1\n)\nselect (select count(*) from due)::int as due, (select count(*) from enqueued)::int as enqueued", parameters: ['trialReminders', 'now'] },
  },
};
