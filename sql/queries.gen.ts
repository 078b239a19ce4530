// Written by scripts/generate-queries.ts from the .sql files beside it. Do not edit: `npm run generate`.



export interface Statement {
  readonly text: string;
  readonly parameters: readonly string[];
  /** Those that are JSON in SQL: whatever is given is sent as JSON, an array and a text too. */
  readonly json?: readonly string[];
}

export interface AccountOfRow {
  id: string;
  email: string | null;
  isActive: boolean;
}

export interface SharedTeamsOfRow {
  id: string;
}

export interface CustomersOfAccountRow {
  id: string;
}

export interface CancelledByJobRow {
  id: string;
}

export interface DeactivateUserRow {
  deactivated: string | null;
}

export interface DeactivatedByJobRow {
  at: Date;
  cancelled: number;
}

export interface SuppressedAmongRow {
  recipientHash: string;
  why: string;
  at: Date;
}

export interface RecipientOfMessageRow {
  recipientHash: string;
}

export interface HoldRecipientRow {
  held: string | null;
}

export interface HoldRecipientOfMarkRow {
  held: string | null;
}

export interface BouncedRecipientOfMarkRow {
  recipientHash: string;
}

export interface SuppressRecipientRow {
  recipientHash: string;
}

export interface LockMarksToldRow {
  id: number;
  teamId: string;
}

export interface NoteBouncedRow {
  kind: string;
  subject: string;
  occasion: string;
  teamId: string | null;
  markId: number | null;
  mark: string | null;
}

export interface NoteComplainedRow {
  kind: string;
  subject: string;
  occasion: string;
  teamId: string | null;
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

export interface PictureOfStripeRow {
  finishedAt: Date | null;
  isFresh: boolean;
  isOurs: boolean;
}

export interface TeamToEndRow {
  id: string;
  name: string | null;
  createdAt: Date;
  timeZone: string | null;
  ownerId: string | null;
  ownerEmail: string | null;
  ownerIsActive: boolean;
  ownerIsVerified: boolean;
  isOld: boolean;
  spared: string | null;
}

export interface CustomersOfTeamRow {
  id: string;
}

export interface LinkedElsewhereRow {
  id: string;
}

export interface RememberPaidRow {
  id: string;
}

export interface LiveMarkRow {
  id: number;
  teamId: string;
  state: string;
  ownerId: string | null;
  announcedDeleteAt: Date;
  deleteAfter: Date | null;
  customerIds: string[] | null;
}

export interface OpenMarkRow {
  id: number;
  teamId: string;
  state: string;
  ownerId: string | null;
  announcedDeleteAt: Date;
  deleteAfter: Date | null;
  customerIds: string[] | null;
}

export interface DateMarkRow {
  announcedDeleteAt: Date;
}

export interface DeletionReminderRow {
  verdict: string;
}

export interface LockMarkRow {
  id: number;
  state: string;
  ownerId: string | null;
  isDue: boolean | null;
}

export interface HoldTeamRow {
  held: string | null;
}

export interface LockTeamRow {
  locked: string | null;
}

export interface LockUserRow {
  locked: string | null;
}

export interface StartClockRow {
  deleteAfter: Date;
}

export interface ClearMarkRow {
  id: number;
}

export interface VetoDeletionRow {
  until: Date;
}

export interface TryTeamFuseRow {
  verdict: string;
}

export interface AskedLatelyRow {
  isYoung: boolean;
}

export interface BeginDeletionRow {
  id: number;
}

export interface DeleteTeamRow {
  deleted: string | null;
}

export interface EndDeletionRow {
  id: number;
}

export interface DeleteUserRow {
  deleted: string | null;
}

export interface OwnerToEndRow {
  id: string;
  email: string | null;
  kept: string | null;
}

export interface HoldsOnTeamRow {
  teamId: string;
}

export interface AskErasureRow {
  id: number;
  jobId: number;
}

export interface AdoptErasuresRow {
  id: number;
  recipientHashes: string[];
  customerIds: string[];
}

export interface OpenErasureRow {
  id: number;
  recipientHashes: string[];
  customerIds: string[];
}

export interface PersonToEraseRow {
  email: string | null;
  stripeCustomerId: string | null;
}

export interface HashesOfUserRow {
  hash: string;
}

export interface CarryErasureRow {
  id: number;
}

export interface UnmirroredCustomersRow {
  id: string;
}

export interface CustomersOfPersonRow {
  id: string;
  isShared: boolean;
}

export interface HashesOfCustomersRow {
  hash: string;
}

export interface MailUnderWayRow {
  key: string;
}

export interface EraseMailsRow {
  notices: number;
  effects: number;
  suppressions: number;
}

export interface EraseCustomersRow {
  id: string;
}

export interface EraseCardsRow {
  id: string;
}

export interface NoteErasedRow {
  id: number;
  what: unknown;
}

export interface EndErasuresRow {
  id: number;
}

export interface RecordFindingRow {
  id: number;
  alertId: number;
}

export interface FindingToTellRow {
  id: number;
  kind: string;
  subject: string;
  teamId: string | null;
  message: string;
  detail: unknown;
  jobId: number | null;
  foundAt: Date;
  acknowledgedAt: Date | null;
}

export interface MarkFindingAlertedRow {
  id: number;
}

export interface BlownFuseRow {
  blownAt: Date;
  blownBy: string;
}

export interface RoomInFuseRow {
  inMs: number | null;
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
  ownerId: string | null;
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

export interface HorizonsRow {
  jobs: Date;
  effects: Date;
  history: Date;
  idempotency: Date;
}

export interface ForgetOldJobsRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldDeadLettersRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldIdempotencyKeysRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldEventsRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldScheduleRunsRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldFuseActsRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldBackfillsRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldEffectsRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldNoticesRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldHistoryRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldFindingsRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldMarksRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldProtectionsRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldSuppressionsRow {
  rows: number;
  upTo: Date | null;
}

export interface ForgetOldErasuresRow {
  rows: number;
  upTo: Date | null;
}

export interface CustomerOfTeamRow {
  id: string;
  stripeCustomerId: string | null;
}

export interface CountUnverifiedUsersRow {
  due: number;
}

export interface UnverifiedUsersRow {
  id: string;
  email: string | null;
}

export interface UnverifiedUserRow {
  createdAt: Date;
  kept: string | null;
}

export interface SparedBeforeRow {
  id: number;
}

export interface TryUserFuseRow {
  verdict: string;
}

export interface Queries {
  /**
   * A user as the app has it.
   */
  accountOf(parameters: { userId: string }): Promise<AccountOfRow[]>;
  /**
   * Teams that the user owns and that others are members of; an invitation counts.
   */
  sharedTeamsOf(parameters: { userId: string }): Promise<SharedTeamsOfRow[]>;
  /**
   * The Stripe customers that end with the account: the user's own, and those of the teams owned. Of teams where
   * the user is merely a member, none.
   */
  customersOfAccount(parameters: { userId: string }): Promise<CustomersOfAccountRow[]>;
  /**
   * The subscriptions that this job has cancelled in any of its runs. Rides effect_job.
   */
  cancelledByJob(parameters: { jobId: number | null }): Promise<CancelledByJobRow[]>;
  deactivateUser(parameters: { userId: string }): Promise<DeactivateUserRow[]>;
  /**
   * When this job deactivated the user, and how many subscriptions it had cancelled by then. Rides history_subject.
   */
  deactivatedByJob(parameters: { userId: string; jobId: number | null }): Promise<DeactivatedByJobRow[]>;
  /**
   * Of these recipients, those who are not written to.
   */
  suppressedAmong(parameters: { recipientHashes: string[] }): Promise<SuppressedAmongRow[]>;
  /**
   * To whom our mail with this Message-ID went. One that is under way, or that nobody can vouch for, has no row of its own
   * with that id yet; its effect's key is what the id is made of (src/mail/message-id.ts). Rides notice_message and
   * effect_open.
   */
  recipientOfMessage(parameters: { messageId: string }): Promise<RecipientOfMessageRow[]>;
  holdRecipient(parameters: { recipientHash: string }): Promise<HoldRecipientRow[]>;
  /**
   * Of whom its notice went to, whoever sent it.
   */
  holdRecipientOfMark(parameters: { markId: number }): Promise<HoldRecipientOfMarkRow[]>;
  /**
   * Whom its notice went to, when mail does not reach them.
   */
  bouncedRecipientOfMark(parameters: { markId: number }): Promise<BouncedRecipientOfMarkRow[]>;
  /**
   * Once; but mail that does not arrive outweighs mail that is not wanted.
   */
  suppressRecipient(parameters: { recipientHash: string; why: string; now: Date }): Promise<SuppressRecipientRow[]>;
  /**
   * The marks that can still be taken back and whose notice went to the recipient, whoever acts on them being waited for.
   */
  lockMarksTold(parameters: { recipientHash: string }): Promise<LockMarksToldRow[]>;
  /**
   * Notes each mail that bounced, once: the one with that Message-ID, or where the provider names none of ours the last one
   * to the recipient; and the notice of every live mark that went to them.
   */
  noteBounced(parameters: { messageId: string | null; recipientHash: string; now: Date }): Promise<NoteBouncedRow[]>;
  /**
   * The same of the mail that was complained of.
   */
  noteComplained(parameters: { now: Date; messageId: string | null; recipientHash: string }): Promise<NoteComplainedRow[]>;
  deadLetterToTell(parameters: { id: number }): Promise<DeadLetterToTellRow[]>;
  markAlerted(parameters: { id: number }): Promise<MarkAlertedRow[]>;
  /**
   * Whether a complete backfill has finished within the last 24 hours, by the database's clock: without it every team
   * looks as if it had never subscribed. A mirror without any customer is none either when the app names some: the key
   * is then of another account.
   */
  pictureOfStripe(): Promise<PictureOfStripeRow[]>;
  /**
   * A team with its owner, and what speaks against its end at @now. Rides the app's own primary keys.
   */
  teamToEnd(parameters: { inactiveTeamAge: string; now: Date; teamId: string }): Promise<TeamToEndRow[]>;
  /**
   * Whom Stripe is asked about.
   */
  customersOfTeam(parameters: { teamId: string }): Promise<CustomersOfTeamRow[]>;
  /**
   * Of these customers, those that are plainly another team's: a find by e-mail alone is then no trace of this one.
   */
  linkedElsewhere(parameters: { customerIds: string[]; teamId: string }): Promise<LinkedElsewhereRow[]>;
  rememberPaid(parameters: { customerIds: string[] }): Promise<RememberPaidRow[]>;
  liveMark(parameters: { teamId: string }): Promise<LiveMarkRow[]>;
  /**
   * A new mark without a clock; no row when there is a live one. What the notice prints is the date D: from @now, by
   * the policy, in UTC.
   */
  openMark(parameters: { teamId: string; ownerId: string | null; now: Date; deletionNotice: string }): Promise<OpenMarkRow[]>;
  /**
   * A mark whose notice has waited for an hour or more, for its fuse or a mail server, gets the date anew before it is sent:
   * nobody is told of a day that has passed. Not where a notice of it went out, or may have, for that one has printed the date.
   */
  dateMark(parameters: { now: Date; deletionNotice: string; id: number }): Promise<DateMarkRow[]>;
  /**
   * Whether the reminder of a deletion is due (sql/functions/deletion_reminder.sql).
   */
  deletionReminder(parameters: { deleteAfter: Date; reminder: string | null; now: Date }): Promise<DeletionReminderRow[]>;
  lockMark(parameters: { now: Date; id: number }): Promise<LockMarkRow[]>;
  /**
   * Waits for whoever is mirroring a subscription of the team: what they write is seen by the statements that follow.
   */
  holdTeam(parameters: { teamId: string }): Promise<HoldTeamRow[]>;
  lockTeam(parameters: { teamId: string }): Promise<LockTeamRow[]>;
  lockUser(parameters: { userId: string }): Promise<LockUserRow[]>;
  /**
   * marking → noticed, when the notice was really sent: never earlier than the date that it prints. Not when it bounced:
   * the mail provider may be faster than whoever sent it (holdRecipientOfMark comes first).
   */
  startClock(parameters: { sentAt: Date; deletionNotice: string; id: number }): Promise<StartClockRow[]>;
  /**
   * marking, noticed → cleared.
   */
  clearMark(parameters: { now: Date; why: string; id: number }): Promise<ClearMarkRow[]>;
  /**
   * noticed → cleared, because the app refuses: and snoozes the team as the keep link does (keepTeam), for no shorter than
   * it was; else it would be marked anew the next day. Locks the mark first: of this and whoever else takes the mark back,
   * one comes too late and has no row.
   */
  vetoDeletion(parameters: { now: Date; id: number; inactiveTeamAge: string; why: string }): Promise<VetoDeletionRow[]>;
  /**
   * Locks the kind's fuse (sql/functions/fuse.sql).
   */
  tryTeamFuse(parameters: { kind: string; teamId: string; occasion: string; fuseMax: number; fuseShare: number }): Promise<TryTeamFuseRow[]>;
  /**
   * Whether an answer of Stripe that was asked for at that time is still young enough to act on.
   */
  askedLately(parameters: { askedAt: string }): Promise<AskedLatelyRow[]>;
  /**
   * noticed → deleting: the first irreversible step, in the transaction that calls app_delete_team.
   */
  beginDeletion(parameters: { now: Date; customerIds: string[]; id: number }): Promise<BeginDeletionRow[]>;
  deleteTeam(parameters: { teamId: string }): Promise<DeleteTeamRow[]>;
  /**
   * deleting → deleted.
   */
  endDeletion(parameters: { now: Date; ownerOutcome: string; id: number }): Promise<EndDeletionRow[]>;
  deleteUser(parameters: { userId: string }): Promise<DeleteUserRow[]>;
  /**
   * The owner of a deleted team, and what ties them to the app: another team, owned or member of (an invitation is a
   * membership), or a customer of their own.
   */
  ownerToEnd(parameters: { userId: string }): Promise<OwnerToEndRow[]>;
  /**
   * A legal hold keeps what is left of a team.
   */
  holdsOnTeam(parameters: { teamId: string; now: Date }): Promise<HoldsOnTeamRow[]>;
  /**
   * In the transaction that deletes a user: the keyed hash of the address, which no later step could work out, those of
   * these customers that have this very address, and the job that erases by them.
   */
  askErasure(parameters: { userId: string; now: Date; recipientHashes: string[]; customerIds: string[] }): Promise<AskErasureRow[]>;
  /**
   * Open askings about this person that nobody is at, and those of this very job: its own from here on. Locks them, in
   * order; rides erasure_open.
   */
  adoptErasures(parameters: { jobId: number | null; userId: string }): Promise<AdoptErasuresRow[]>;
  /**
   * An asking that no deletion has written down, of the time when its job was asked for.
   */
  openErasure(parameters: { userId: string; jobId: number | null; now: Date }): Promise<OpenErasureRow[]>;
  /**
   * The user as the app has it; no row when it is gone. Rides the app's own primary key.
   */
  personToErase(parameters: { userId: string }): Promise<PersonToEraseRow[]>;
  /**
   * The addresses at which mails have reached the user, of whatever time. The second part is for rows of older releases;
   * it rides notice_once.
   */
  hashesOfUser(parameters: { userId: string }): Promise<HashesOfUserRow[]>;
  /**
   * What the person is found by is kept from the first look on: the app may delete the row before the second.
   */
  carryErasure(parameters: { recipientHashes: string[]; customerIds: string[]; ids: number[] }): Promise<CarryErasureRow[]>;
  unmirroredCustomers(parameters: { customerIds: string[] }): Promise<UnmirroredCustomersRow[]>;
  /**
   * Of these customers, whether others use them too: another user, or a team that is not the person's alone (an invitation
   * counts).
   */
  customersOfPerson(parameters: { userId: string; namedTeam: string | null; customerIds: string[] }): Promise<CustomersOfPersonRow[]>;
  hashesOfCustomers(parameters: { customerIds: string[] }): Promise<HashesOfCustomersRow[]>;
  /**
   * One to these addresses that is claimed and not settled. Rides effect_recipient.
   */
  mailUnderWay(parameters: { recipientHashes: string[] }): Promise<MailUnderWayRow[]>;
  /**
   * Both rows of a mail stay, as the fact that it was sent; that an address cannot be reached goes. Rides notice_recipient and
   * effect_recipient.
   */
  eraseMails(parameters: { recipientHashes: string[] }): Promise<EraseMailsRow[]>;
  /**
   * The person's own, and whichever else has the address; from here on the mirror does not take it up again.
   */
  eraseCustomers(parameters: { now: Date; customerIds: string[]; recipientHashes: string[] }): Promise<EraseCustomersRow[]>;
  /**
   * A statement of its own, after the customers: it sees what whoever mirrored them at that moment has written. What a card
   * is due by stays. Rides card_customer.
   */
  eraseCards(parameters: { customerIds: string[] }): Promise<EraseCardsRow[]>;
  /**
   * In the transaction that erases. Counts add up over the runs of a job, and what has served goes.
   */
  noteErased(parameters: { counts: unknown; ids: number[] }): Promise<NoteErasedRow[]>;
  endErasures(parameters: { now: Date; stripe: string; ids: number[] }): Promise<EndErasuresRow[]>;
  /**
   * What people must look at, and the job that tells them; nothing when it was found before. Written in the
   * transaction of the decision that it tells of.
   */
  recordFinding(parameters: { kind: string; subject: string; occasion: string; teamId: string | null; message: string; detail: unknown; jobId: number | null; foundAt: Date }): Promise<RecordFindingRow[]>;
  findingToTell(parameters: { id: number }): Promise<FindingToTellRow[]>;
  markFindingAlerted(parameters: { id: number }): Promise<MarkFindingAlertedRow[]>;
  /**
   * Since when a kind's fuse is blown, and by what.
   */
  blownFuse(parameters: { kind: string }): Promise<BlownFuseRow[]>;
  /**
   * How long a job whose turn comes later waits (sql/functions/fuse.sql).
   */
  roomInFuse(parameters: { kind: string; teamId: string; fuseMax: number; fuseShare: number }): Promise<RoomInFuseRow[]>;
  /**
   * What changed, for whom: written in the transaction that makes or settles the change.
   */
  recordHistory(parameters: { at: Date; what: string; teamId: string | null; subject: string; detail: unknown; jobId: number | null; source: string }): Promise<RecordHistoryRow[]>;
  /**
   * When a read of Stripe begins, by the database's clock: what is written from it carries this time.
   * As text, which keeps the microseconds that a JavaScript Date would drop.
   */
  readBegins(): Promise<ReadBeginsRow[]>;
  mirror(parameters: { readAt: string; seen: unknown; now: Date }): Promise<MirrorRow[]>;
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
  mirrorPage(parameters: { phase: string; cursor: string | null; count: number; id: number; pages: number; readAt: string; seen: unknown; now: Date }): Promise<MirrorPageRow[]>;
  /**
   * Every page is in: what none of them showed is not there any more, unless a read since the start says so.
   */
  finishBackfill(parameters: { id: number; pages: number }): Promise<FinishBackfillRow[]>;
  /**
   * The end of a mail on its occasion. One that was suppressed may be sent after all, when a person asks for it;
   * nothing else is ever rewritten.
   */
  recordNotice(parameters: { kind: string; subject: string; occasion: string; teamId: string | null; userId: string | null; state: string; reason: string | null; recipientHash: string | null; messageId: string | null; jobId: number | null; at: Date }): Promise<RecordNoticeRow[]>;
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
   * Before when what is kept for so long is old. A business clock that is ahead forgets nothing: most rows bear the
   * database's time. The subtraction never ends later than counting forward from a row would.
   */
  horizons(parameters: { keepJobs: string; keepEffects: string; keepHistory: string; now: Date }): Promise<HorizonsRow[]>;
  /**
   * Those that are over. Not one with a dead letter that is open or was resolved lately, nor with an effect that is open or
   * unknown: people may still look at it and replay it. Nor the last of a schedule, by which its silence is measured.
   */
  forgetOldJobs(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldJobsRow[]>;
  /**
   * Resolved ones whose job is forgotten.
   */
  forgetOldDeadLetters(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldDeadLettersRow[]>;
  /**
   * Keys that recallIdempotencyKey answers no more.
   */
  forgetOldIdempotencyKeys(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldIdempotencyKeysRow[]>;
  forgetOldEvents(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldEventsRow[]>;
  /**
   * Not the last of a schedule that had a job, nor what came after it: where the last one stands, the next is counted from.
   */
  forgetOldScheduleRuns(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldScheduleRunsRow[]>;
  forgetOldFuseActs(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldFuseActsRow[]>;
  /**
   * Not the last complete one, which says how old the picture of Stripe is.
   */
  forgetOldBackfills(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldBackfillsRow[]>;
  /**
   * Settled and released ones whose job is forgotten: while it is there, it may be replayed and ask again.
   */
  forgetOldEffects(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldEffectsRow[]>;
  /**
   * Sent and suppressed ones; what is unknown waits for a person.
   */
  forgetOldNotices(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldNoticesRow[]>;
  forgetOldHistory(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldHistoryRow[]>;
  /**
   * Acknowledged ones. What is still so is then found, and told, once more.
   */
  forgetOldFindings(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldFindingsRow[]>;
  /**
   * Those that are over: deleted, or taken back.
   */
  forgetOldMarks(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldMarksRow[]>;
  /**
   * Those that have ended; one without an end never does.
   */
  forgetOldProtections(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldProtectionsRow[]>;
  forgetOldSuppressions(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldSuppressionsRow[]>;
  /**
   * Those that are done; one that is not waits for a person.
   */
  forgetOldErasures(parameters: { before: Date; after: Date | null; batch: number }): Promise<ForgetOldErasuresRow[]>;
  /**
   * Rides the app's own primary key: the id meets its own type, never the other way round.
   */
  customerOfTeam(parameters: { teamId: string }): Promise<CustomerOfTeamRow[]>;
  /**
   * How many are due at @now.
   */
  countUnverifiedUsers(parameters: { unverifiedUserAge: string; now: Date; inactiveTeamAge: string }): Promise<CountUnverifiedUsersRow[]>;
  /**
   * A page of those who are due, by id: deleting moves nothing on the pages that follow.
   */
  unverifiedUsers(parameters: { after: string | null; unverifiedUserAge: string; now: Date; inactiveTeamAge: string; batch: number }): Promise<UnverifiedUsersRow[]>;
  /**
   * One of them under lock, and what speaks for the user by now: no row when gone.
   */
  unverifiedUser(parameters: { unverifiedUserAge: string; now: Date; email: string | null; inactiveTeamAge: string; userId: string }): Promise<UnverifiedUserRow[]>;
  /**
   * Whether it was told already that this user is spared, but for what the app has said. Rides history_subject.
   */
  sparedBefore(parameters: { userId: string }): Promise<SparedBeforeRow[]>;
  /**
   * Locks the kind's fuse (sql/functions/fuse.sql).
   */
  tryUserFuse(parameters: { userId: string; occasion: string; waiting: number; fuseUsers: number }): Promise<TryUserFuseRow[]>;
}

export const queries = {
  accountOf: {
    text: "select u.id::text as \"id\", u.email as \"email\", coalesce(u.is_active, false) as \"is_active\"\nfrom evenfall.app_user u where u.id = $1::text::evenfall.app_user_id",
    parameters: ['userId'],
  },
  sharedTeamsOf: {
    text: "select t.id::text as \"id\" from evenfall.app_team t\nwhere t.owner_id = $1::text::evenfall.app_user_id\n  and exists (select from evenfall.app_membership m where m.team_id = t.id and m.user_id is distinct from t.owner_id)\norder by t.id",
    parameters: ['userId'],
  },
  customersOfAccount: {
    text: "select u.stripe_customer_id as \"id\" from evenfall.app_user u\nwhere u.id = $1::text::evenfall.app_user_id and u.stripe_customer_id is not null\nunion\nselect c.id from evenfall.app_team t cross join lateral evenfall.customers_of_team(t.id::text) as c (id)\nwhere t.owner_id = $1::text::evenfall.app_user_id\norder by 1",
    parameters: ['userId'],
  },
  cancelledByJob: {
    text: "select e.evidence->>'subscriptionId' as \"id\" from evenfall.effect e\nwhere e.job_id = $1\n  and e.kind = 'stripe.subscription.cancel' and e.state = 'settled'\norder by e.id",
    parameters: ['jobId'],
  },
  deactivateUser: {
    text: "select evenfall.app_deactivate_user($1)::text as \"deactivated\"",
    parameters: ['userId'],
  },
  deactivatedByJob: {
    text: "select h.at, jsonb_array_length(h.detail->'cancelled') as \"cancelled\" from evenfall.history h\nwhere h.subject = 'user:' || $1::text and h.what = 'user.deactivated'\n  and h.job_id = $2\norder by h.at desc, h.id desc limit 1",
    parameters: ['userId', 'jobId'],
  },
  suppressedAmong: {
    text: "select recipient_hash, why, at from evenfall.suppressed_recipient where recipient_hash = any ($1::text[])",
    parameters: ['recipientHashes'],
  },
  recipientOfMessage: {
    text: "select n.recipient_hash as \"recipient_hash\" from evenfall.notice n\nwhere n.message_id = $1 and n.recipient_hash is not null\nunion all\nselect e.evidence->>'recipientHash' from evenfall.effect e\nwhere e.state in ('claimed', 'unknown') and e.kind like 'mail.%' and e.evidence ? 'recipientHash'\n  and left(encode(sha256(convert_to(e.key, 'UTF8')), 'hex'), 40) = substring($1 from '^<([0-9a-f]{40})@')\nlimit 1",
    parameters: ['messageId'],
  },
  holdRecipient: {
    text: "select evenfall.hold_recipient($1)::text as \"held\"",
    parameters: ['recipientHash'],
  },
  holdRecipientOfMark: {
    text: "select evenfall.hold_recipient(m.recipient_hash)::text as \"held\" from evenfall.mark_notice m where m.mark_id = $1",
    parameters: ['markId'],
  },
  bouncedRecipientOfMark: {
    text: "select s.recipient_hash from evenfall.mark_notice m\njoin evenfall.suppressed_recipient s on s.recipient_hash = m.recipient_hash and s.why = 'bounce'\nwhere m.mark_id = $1",
    parameters: ['markId'],
  },
  suppressRecipient: {
    text: "insert into evenfall.suppressed_recipient as s (recipient_hash, why, at) values ($1, $2, $3)\non conflict (recipient_hash) do update set why = excluded.why, at = excluded.at\n  where s.why = 'complaint' and excluded.why = 'bounce'\nreturning s.recipient_hash",
    parameters: ['recipientHash', 'why', 'now'],
  },
  lockMarksTold: {
    text: "select d.id, d.team_id from evenfall.team_deletion d\nwhere d.id in (select m.mark_id from evenfall.mark_notice m where m.recipient_hash = $1)\n  and d.state in ('marking', 'noticed')\norder by d.id for update",
    parameters: ['recipientHash'],
  },
  noteBounced: {
    text: "with meant as (\n  select n.id from evenfall.notice n where n.message_id = $1\n  union\n  (select n.id from evenfall.notice n where n.recipient_hash = $2 and $1::text is null\n   order by n.at desc, n.id desc limit 1)\n  union\n  select m.notice_id from evenfall.mark_notice m\n  where m.recipient_hash = $2 and m.state in ('marking', 'noticed', 'deleting')\n), noted as (\n  update evenfall.notice n set bounced_at = $3 from meant where n.id = meant.id and n.bounced_at is null\n  returning n.id, n.kind, n.subject, n.occasion, n.team_id\n)\nselect noted.kind as \"kind\", noted.subject as \"subject\", noted.occasion as \"occasion\", noted.team_id as \"team_id\",\n  m.mark_id as \"mark_id\", m.state as \"mark\"\nfrom noted left join evenfall.mark_notice m on m.notice_id = noted.id\norder by noted.id",
    parameters: ['messageId', 'recipientHash', 'now'],
  },
  noteComplained: {
    text: "update evenfall.notice n set complained_at = $1\nwhere n.complained_at is null and n.id in (\n  select by_id.id from evenfall.notice by_id where by_id.message_id = $2\n  union\n  (select last.id from evenfall.notice last where last.recipient_hash = $3 and $2::text is null\n   order by last.at desc, last.id desc limit 1))\nreturning n.kind, n.subject, n.occasion, n.team_id",
    parameters: ['now', 'messageId', 'recipientHash'],
  },
  deadLetterToTell: {
    text: "select id, job_id, kind, team_id, attempts, error, created_at, resolved_at from evenfall.dead_letter where id = $1",
    parameters: ['id'],
  },
  markAlerted: {
    text: "update evenfall.dead_letter set alerted_at = clock_timestamp() where id = $1 and alerted_at is null returning id",
    parameters: ['id'],
  },
  pictureOfStripe: {
    text: "select max(finished_at) as \"finished_at\",\n  coalesce(max(finished_at) > clock_timestamp() - interval '24 hours', false) as \"is_fresh\",\n  exists (select from evenfall.customer)\n    or not exists (select from evenfall.app_team where stripe_customer_id is not null)\n      and not exists (select from evenfall.app_user where stripe_customer_id is not null) as \"is_ours\"\nfrom evenfall.backfill",
    parameters: [],
  },
  teamToEnd: {
    text: "select t.id::text as \"id\", t.name as \"name\", t.created_at as \"created_at\", t.time_zone as \"time_zone\",\n  t.owner_id::text as \"owner_id\", o.email as \"owner_email\", coalesce(o.is_active, false) as \"owner_is_active\",\n  o.email_verified_at is not null as \"owner_is_verified\",\n  t.created_at + $1::text::interval < $2::timestamptz as \"is_old\",\n  evenfall.team_spared(t.id::text, $2::timestamptz) as \"spared\"\nfrom evenfall.app_team t left join evenfall.app_user o on o.id = t.owner_id\nwhere t.id = $3::text::evenfall.app_team_id",
    parameters: ['inactiveTeamAge', 'now', 'teamId'],
  },
  customersOfTeam: {
    text: "select id as \"id\" from evenfall.customers_of_team($1) as c (id) order by id",
    parameters: ['teamId'],
  },
  linkedElsewhere: {
    text: "select c.id as \"id\" from unnest($1::text[]) as c (id)\nwhere evenfall.team_of_customer(c.id, (select m.team_id from evenfall.customer m where m.id = c.id)) <> $2",
    parameters: ['customerIds', 'teamId'],
  },
  rememberPaid: {
    text: "update evenfall.customer set has_paid = true where id = any ($1::text[]) and not has_paid returning id",
    parameters: ['customerIds'],
  },
  liveMark: {
    text: "select id, team_id, state, owner_id, announced_delete_at, delete_after, customer_ids from evenfall.team_deletion\nwhere team_id = $1 and state in ('marking', 'noticed', 'deleting')",
    parameters: ['teamId'],
  },
  openMark: {
    text: "insert into evenfall.team_deletion (team_id, owner_id, marked_at, announced_delete_at)\nvalues ($1, $2, $3, $3::timestamptz + $4::text::interval)\non conflict (team_id) where state in ('marking', 'noticed', 'deleting') do nothing\nreturning id, team_id, state, owner_id, announced_delete_at, delete_after, customer_ids",
    parameters: ['teamId', 'ownerId', 'now', 'deletionNotice'],
  },
  dateMark: {
    text: "update evenfall.team_deletion d set announced_delete_at = $1::timestamptz + $2::text::interval\nwhere d.id = $3 and d.state = 'marking'\n  and d.announced_delete_at <= $1::timestamptz + $2::text::interval - interval '1 hour'\n  and not exists (\n    select from evenfall.effect e\n    where e.state <> 'released' and e.key = 'mail:deletion-notice:team:' || d.team_id || ':'\n      || to_char(d.announced_delete_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"'))\nreturning d.announced_delete_at",
    parameters: ['now', 'deletionNotice', 'id'],
  },
  deletionReminder: {
    text: "select evenfall.deletion_reminder($1, $2, $3) as \"verdict\"",
    parameters: ['deleteAfter', 'reminder', 'now'],
  },
  lockMark: {
    text: "select id, state, owner_id, delete_after < $1::timestamptz as \"is_due\" from evenfall.team_deletion\nwhere id = $2 for update",
    parameters: ['now', 'id'],
  },
  holdTeam: {
    text: "select evenfall.hold_team($1)::text as \"held\"",
    parameters: ['teamId'],
  },
  lockTeam: {
    text: "select evenfall.app_lock_team($1)::text as \"locked\"",
    parameters: ['teamId'],
  },
  lockUser: {
    text: "select evenfall.app_lock_user($1)::text as \"locked\"",
    parameters: ['userId'],
  },
  startClock: {
    text: "update evenfall.team_deletion d\nset state = 'noticed', notice_sent_at = $1,\n    delete_after = greatest(announced_delete_at, $1::timestamptz + $2::text::interval)\nwhere id = $3 and state = 'marking'\n  and not exists (\n    select from evenfall.mark_notice m\n    join evenfall.suppressed_recipient s on s.recipient_hash = m.recipient_hash and s.why = 'bounce'\n    where m.mark_id = d.id)\nreturning delete_after as \"delete_after\"",
    parameters: ['sentAt', 'deletionNotice', 'id'],
  },
  clearMark: {
    text: "update evenfall.team_deletion set state = 'cleared', cleared_at = $1, cleared_why = $2\nwhere id = $3 and state in ('marking', 'noticed')\nreturning id",
    parameters: ['now', 'why', 'id'],
  },
  vetoDeletion: {
    text: "with refused as (\n  update evenfall.team_deletion set state = 'cleared', cleared_at = $1, cleared_why = 'the app refused'\n  where id = $2 and state = 'noticed'\n  returning team_id\n)\ninsert into evenfall.team_protection (team_id, kind, until, why, who, at)\nselect team_id, 'snooze', $1::timestamptz + $3::text::interval, $4, 'app', $1 from refused\non conflict (team_id, kind) do update\n  set until = greatest(team_protection.until, excluded.until), why = excluded.why, who = excluded.who, at = excluded.at\nreturning until as \"until\"",
    parameters: ['now', 'id', 'inactiveTeamAge', 'why'],
  },
  tryTeamFuse: {
    text: "select evenfall.try_fuse($1, 'team:' || $2::text, $3, null,\n  evenfall.team_fuse_limit($4, $5)) as \"verdict\"",
    parameters: ['kind', 'teamId', 'occasion', 'fuseMax', 'fuseShare'],
  },
  askedLately: {
    text: "select clock_timestamp() - $1::text::timestamptz < interval '60 seconds' as \"is_young\"",
    parameters: ['askedAt'],
  },
  beginDeletion: {
    text: "update evenfall.team_deletion set state = 'deleting', deleting_at = $1, customer_ids = $2\nwhere id = $3 and state = 'noticed'\nreturning id",
    parameters: ['now', 'customerIds', 'id'],
  },
  deleteTeam: {
    text: "select evenfall.app_delete_team($1)::text as \"deleted\"",
    parameters: ['teamId'],
  },
  endDeletion: {
    text: "update evenfall.team_deletion set state = 'deleted', deleted_at = $1, owner_outcome = $2\nwhere id = $3 and state = 'deleting'\nreturning id",
    parameters: ['now', 'ownerOutcome', 'id'],
  },
  deleteUser: {
    text: "select evenfall.app_delete_user($1)::text as \"deleted\"",
    parameters: ['userId'],
  },
  ownerToEnd: {
    text: "select u.id::text as \"id\", u.email as \"email\",\n  case\n    when exists (select from evenfall.app_team t where t.owner_id = u.id) then 'owns another team'\n    when exists (select from evenfall.app_membership m where m.user_id = u.id) then 'is a member of another team'\n    when u.stripe_customer_id is not null then 'has a Stripe customer'\n  end as \"kept\"\nfrom evenfall.app_user u where u.id = $1::text::evenfall.app_user_id",
    parameters: ['userId'],
  },
  holdsOnTeam: {
    text: "select team_id from evenfall.team_protection\nwhere team_id = $1 and kind = 'hold' and (until is null or until > $2)",
    parameters: ['teamId', 'now'],
  },
  askErasure: {
    text: "with asked as (\n  insert into evenfall.erasure (subject, asked_at, recipient_hashes, customer_ids)\n  values ('user:' || $1::text, $2, $3, array(\n    select c.id from evenfall.customer c\n    where c.id = any ($4::text[]) and c.email_hash = any ($3::text[]) order by c.id))\n  returning id\n)\nselect id as \"id\", evenfall.enqueue('erase-person', jsonb_build_object('userId', $1::text)) as \"job_id\" from asked",
    parameters: ['userId', 'now', 'recipientHashes', 'customerIds'],
  },
  adoptErasures: {
    text: "update evenfall.erasure set job_id = coalesce($1::bigint, job_id)\nwhere id in (\n  select e.id from evenfall.erasure e\n  where e.subject = 'user:' || $2::text and e.done_at is null\n    and (e.job_id = $1 or not exists (\n      select from evenfall.job j\n      where j.id = e.job_id and j.state in ('queued', 'dispatched', 'running', 'parked')))\n  order by e.id for update)\nreturning id, recipient_hashes, customer_ids",
    parameters: ['jobId', 'userId'],
  },
  openErasure: {
    text: "insert into evenfall.erasure (subject, asked_at, job_id)\nselect 'user:' || $1::text,\n  coalesce((select j.created_at from evenfall.job j where j.id = $2), $3), $2\nreturning id, recipient_hashes, customer_ids",
    parameters: ['userId', 'jobId', 'now'],
  },
  personToErase: {
    text: "select u.email as \"email\", u.stripe_customer_id as \"stripe_customer_id\" from evenfall.app_user u\nwhere u.id = $1::text::evenfall.app_user_id",
    parameters: ['userId'],
  },
  hashesOfUser: {
    text: "select n.recipient_hash as \"hash\" from evenfall.notice n where n.user_id = $1 and n.recipient_hash is not null\nunion\nselect n.recipient_hash from evenfall.notice n\nwhere n.kind = 'account-deactivated' and n.subject = 'user:' || $1::text and n.recipient_hash is not null",
    parameters: ['userId'],
  },
  carryErasure: {
    text: "update evenfall.erasure set recipient_hashes = $1, customer_ids = $2\nwhere id = any ($3::bigint[])\nreturning id",
    parameters: ['recipientHashes', 'customerIds', 'ids'],
  },
  unmirroredCustomers: {
    text: "select c.id as \"id\" from unnest($1::text[]) as c (id)\nwhere not exists (select from evenfall.customer m where m.id = c.id) order by c.id",
    parameters: ['customerIds'],
  },
  customersOfPerson: {
    text: "select c.id as \"id\",\n  exists (\n    select from evenfall.app_user u\n    where u.stripe_customer_id = c.id and u.id <> $1::text::evenfall.app_user_id)\n  or exists (\n    select from evenfall.app_team t\n    where (t.stripe_customer_id = c.id or t.id = evenfall.team_of_customer(c.id, coalesce(\n        $2, (select m.team_id from evenfall.customer m where m.id = c.id)))::evenfall.app_team_id)\n      and (t.owner_id is distinct from $1::text::evenfall.app_user_id or exists (\n        select from evenfall.app_membership m\n        where m.team_id = t.id and m.user_id is distinct from t.owner_id))) as \"is_shared\"\nfrom unnest($3::text[]) as c (id) order by c.id",
    parameters: ['userId', 'namedTeam', 'customerIds'],
  },
  hashesOfCustomers: {
    text: "select distinct email_hash as \"hash\" from evenfall.customer\nwhere id = any ($1::text[]) and email_hash is not null",
    parameters: ['customerIds'],
  },
  mailUnderWay: {
    text: "select key from evenfall.effect\nwhere evidence ? 'recipientHash' and evidence->>'recipientHash' = any ($1::text[]) and state = 'claimed'\nlimit 1",
    parameters: ['recipientHashes'],
  },
  eraseMails: {
    text: "with notices as (\n  update evenfall.notice set recipient_hash = null\n  where recipient_hash is not null and recipient_hash = any ($1::text[])\n  returning id\n), effects as (\n  update evenfall.effect set evidence = evidence - 'recipientHash'\n  where evidence ? 'recipientHash' and evidence->>'recipientHash' = any ($1::text[])\n  returning id\n), suppressions as (\n  delete from evenfall.suppressed_recipient where recipient_hash = any ($1::text[])\n  returning recipient_hash\n)\nselect (select count(*) from notices)::int as \"notices\", (select count(*) from effects)::int as \"effects\",\n  (select count(*) from suppressions)::int as \"suppressions\"",
    parameters: ['recipientHashes'],
  },
  eraseCustomers: {
    text: "update evenfall.customer set email_hash = null, erased_at = $1\nwhere erased_at is null and (id = any ($2::text[])\n  or (email_hash is not null and email_hash = any ($3::text[])))\nreturning id",
    parameters: ['now', 'customerIds', 'recipientHashes'],
  },
  eraseCards: {
    text: "update evenfall.card set brand = null, last4 = null\nwhere customer_id = any ($1::text[]) and (brand is not null or last4 is not null)\nreturning id",
    parameters: ['customerIds'],
  },
  noteErased: {
    text: "update evenfall.erasure e\nset recipient_hashes = '{}',\n  what = (select jsonb_object_agg(c.key, coalesce((e.what->>c.key)::int, 0) + c.value::int)\n    from jsonb_each_text($1) c)\nwhere e.id = any ($2::bigint[])\nreturning e.id, e.what as \"what\"",
    parameters: ['counts', 'ids'],
    json: ['counts'],
  },
  endErasures: {
    text: "update evenfall.erasure set done_at = $1, stripe = $2 where id = any ($3::bigint[]) and done_at is null\nreturning id",
    parameters: ['now', 'stripe', 'ids'],
  },
  recordFinding: {
    text: "with found as (\n  insert into evenfall.finding (kind, subject, occasion, team_id, message, detail, job_id, found_at)\n  values ($1, $2, $3, $4, $5, $6, $7, $8)\n  on conflict (kind, subject, occasion) do nothing\n  returning id\n)\nselect id as \"id\", evenfall.enqueue('alert-finding', jsonb_build_object('findingId', id)) as \"alert_id\" from found",
    parameters: ['kind', 'subject', 'occasion', 'teamId', 'message', 'detail', 'jobId', 'foundAt'],
    json: ['detail'],
  },
  findingToTell: {
    text: "select id, kind, subject, team_id, message, detail, job_id, found_at, acknowledged_at\nfrom evenfall.finding where id = $1",
    parameters: ['id'],
  },
  markFindingAlerted: {
    text: "update evenfall.finding set alerted_at = clock_timestamp() where id = $1 and alerted_at is null returning id",
    parameters: ['id'],
  },
  blownFuse: {
    text: "select blown_at as \"blown_at\", blown_by as \"blown_by\" from evenfall.fuse where kind = $1 and blown_at is not null",
    parameters: ['kind'],
  },
  roomInFuse: {
    text: "select extract(epoch from\n  evenfall.room_in_fuse($1, 'team:' || $2::text, evenfall.team_fuse_limit($3, $4))\n  - clock_timestamp())::float8 * 1000 as \"in_ms\"",
    parameters: ['kind', 'teamId', 'fuseMax', 'fuseShare'],
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
    text: "select evenfall.mirror($1::text::timestamptz, $2, $3)::text as \"mirrored\"",
    parameters: ['readAt', 'seen', 'now'],
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
    text: "with moved as (\n  update evenfall.backfill\n  set phase = $1, cursor = $2, pages = pages + 1, objects = objects + $3\n  where id = $4 and pages = $5 and finished_at is null\n  returning id, phase, cursor, pages, objects\n)\nselect id as \"id\", phase as \"phase\", cursor as \"cursor\", pages as \"pages\",\n  objects as \"objects\", evenfall.mirror($6::text::timestamptz, $7, $8)::text as \"mirrored\"\nfrom moved",
    parameters: ['phase', 'cursor', 'count', 'id', 'pages', 'readAt', 'seen', 'now'],
    json: ['seen'],
  },
  finishBackfill: {
    text: "with finished as (\n  update evenfall.backfill set phase = 'finished', cursor = null, finished_at = clock_timestamp()\n  where id = $1 and pages = $2 and finished_at is null\n  returning started_at\n), gone as (\n  update evenfall.subscription s set gone = true, read_at = f.started_at\n  from finished f where s.read_at < f.started_at and not s.gone returning s.id\n), deleted as (\n  update evenfall.customer c\n  set deleted = true, email_hash = null, default_payment_method = null, read_at = f.started_at\n  from finished f where c.read_at < f.started_at and not c.deleted returning c.id\n), detached as (\n  update evenfall.card d set detached = true, read_at = f.started_at\n  from finished f where d.read_at < f.started_at and not d.detached returning d.id\n)\nselect (select count(*) from gone)::int as \"gone\", (select count(*) from deleted)::int as \"deleted\",\n  (select count(*) from detached)::int as \"detached\"\nfrom finished",
    parameters: ['id', 'pages'],
  },
  recordNotice: {
    text: "insert into evenfall.notice as n\n  (kind, subject, occasion, team_id, user_id, state, reason, recipient_hash, message_id, job_id, at)\nvalues ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)\non conflict (kind, subject, occasion) do update\n  set team_id = excluded.team_id, user_id = excluded.user_id, state = excluded.state, reason = excluded.reason,\n      recipient_hash = excluded.recipient_hash, message_id = excluded.message_id, job_id = excluded.job_id,\n      at = excluded.at\n  where n.state = 'suppressed' and excluded.state <> 'suppressed'\nreturning n.id",
    parameters: ['kind', 'subject', 'occasion', 'teamId', 'userId', 'state', 'reason', 'recipientHash', 'messageId', 'jobId', 'at'],
  },
  teamOfCustomer: {
    text: "select t.id::text as \"team_id\", t.name as \"team_name\", t.time_zone as \"time_zone\",\n  t.owner_id::text as \"owner_id\", u.email as \"owner_email\",\n  coalesce(u.is_active, false) as \"owner_is_active\"\nfrom evenfall.app_team t left join evenfall.app_user u on u.id = t.owner_id\nwhere t.id = evenfall.team_of_customer($1, $2)::evenfall.app_team_id",
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
  horizons: {
    text: "select c.now - $1::text::interval as \"jobs\", c.now - $2::text::interval as \"effects\",\n  c.now - $3::text::interval as \"history\", c.now - interval '7 days' as \"idempotency\"\nfrom (select least($4::timestamptz, clock_timestamp()) as now) c",
    parameters: ['keepJobs', 'keepEffects', 'keepHistory', 'now'],
  },
  forgetOldJobs: {
    text: "with old as (\n  select j.ctid from evenfall.job j\n  where j.finished_at < $1 and j.finished_at >= coalesce($2::timestamptz, '-infinity')\n    and not exists (\n      select from evenfall.dead_letter d\n      where d.job_id = j.id and (d.resolved_at is null or d.resolved_at >= $1))\n    and not exists (select from evenfall.effect e where e.job_id = j.id and e.state in ('claimed', 'unknown'))\n    and j.id <> all (array(\n      select last.job_id from evenfall.schedule s cross join lateral (\n        select r.job_id from evenfall.schedule_run r\n        where r.schedule = s.name and r.job_id is not null order by r.due_at desc limit 1) last))\n  order by j.finished_at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.job j using old where j.ctid = old.ctid returning j.finished_at as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldDeadLetters: {
    text: "with old as (\n  select d.ctid from evenfall.dead_letter d\n  where d.resolved_at < $1 and d.resolved_at >= coalesce($2::timestamptz, '-infinity')\n    and not exists (select from evenfall.job j where j.id = d.job_id)\n  order by d.resolved_at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.dead_letter d using old where d.ctid = old.ctid returning d.resolved_at as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldIdempotencyKeys: {
    text: "with old as (\n  select i.ctid from evenfall.idempotency i\n  where i.created_at < $1 and i.created_at >= coalesce($2::timestamptz, '-infinity')\n  order by i.created_at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.idempotency i using old where i.ctid = old.ctid returning i.created_at as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldEvents: {
    text: "with old as (\n  select e.ctid from evenfall.stripe_event e\n  where e.received_at < $1 and e.received_at >= coalesce($2::timestamptz, '-infinity')\n  order by e.received_at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.stripe_event e using old where e.ctid = old.ctid returning e.received_at as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldScheduleRuns: {
    text: "with old as (\n  select r.ctid from evenfall.schedule_run r\n  where r.recorded_at < $1 and r.recorded_at >= coalesce($2::timestamptz, '-infinity')\n    and exists (\n      select from evenfall.schedule_run later\n      where later.schedule = r.schedule and later.due_at > r.due_at and later.job_id is not null)\n  order by r.recorded_at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.schedule_run r using old where r.ctid = old.ctid returning r.recorded_at as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldFuseActs: {
    text: "with old as (\n  select a.ctid from evenfall.fuse_act a\n  where a.at < $1 and a.at >= coalesce($2::timestamptz, '-infinity')\n  order by a.at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.fuse_act a using old where a.ctid = old.ctid returning a.at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldBackfills: {
    text: "with old as (\n  select b.ctid from evenfall.backfill b\n  where b.finished_at < $1 and b.finished_at >= coalesce($2::timestamptz, '-infinity')\n    and exists (select from evenfall.backfill later where later.finished_at > b.finished_at)\n  order by b.finished_at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.backfill b using old where b.ctid = old.ctid returning b.finished_at as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldEffects: {
    text: "with old as (\n  select e.ctid from evenfall.effect e\n  where e.state in ('settled', 'released') and coalesce(e.settled_at, e.claimed_at) < $1\n    and coalesce(e.settled_at, e.claimed_at) >= coalesce($2::timestamptz, '-infinity')\n    and not exists (select from evenfall.job j where j.id = e.job_id)\n  order by coalesce(e.settled_at, e.claimed_at) limit $3 for update skip locked\n), gone as (\n  delete from evenfall.effect e using old where e.ctid = old.ctid returning coalesce(e.settled_at, e.claimed_at) as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldNotices: {
    text: "with old as (\n  select n.ctid from evenfall.notice n\n  where n.state in ('sent', 'suppressed')\n    and n.at < $1 and n.at >= coalesce($2::timestamptz, '-infinity')\n  order by n.at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.notice n using old where n.ctid = old.ctid returning n.at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldHistory: {
    text: "with old as (\n  select h.ctid from evenfall.history h\n  where h.at < $1 and h.at >= coalesce($2::timestamptz, '-infinity')\n  order by h.at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.history h using old where h.ctid = old.ctid returning h.at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldFindings: {
    text: "with old as (\n  select f.ctid from evenfall.finding f\n  where f.acknowledged_at < $1 and f.acknowledged_at >= coalesce($2::timestamptz, '-infinity')\n  order by f.acknowledged_at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.finding f using old where f.ctid = old.ctid returning f.acknowledged_at as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldMarks: {
    text: "with old as (\n  select d.ctid from evenfall.team_deletion d\n  where d.state in ('deleted', 'cleared') and coalesce(d.deleted_at, d.cleared_at) < $1\n    and coalesce(d.deleted_at, d.cleared_at) >= coalesce($2::timestamptz, '-infinity')\n  order by coalesce(d.deleted_at, d.cleared_at) limit $3 for update skip locked\n), gone as (\n  delete from evenfall.team_deletion d using old where d.ctid = old.ctid\n  returning coalesce(d.deleted_at, d.cleared_at) as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldProtections: {
    text: "with old as (\n  select p.ctid from evenfall.team_protection p\n  where p.until < $1 and p.until >= coalesce($2::timestamptz, '-infinity')\n  order by p.until limit $3 for update skip locked\n), gone as (\n  delete from evenfall.team_protection p using old where p.ctid = old.ctid returning p.until as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldSuppressions: {
    text: "with old as (\n  select s.ctid from evenfall.suppressed_recipient s\n  where s.at < $1 and s.at >= coalesce($2::timestamptz, '-infinity')\n  order by s.at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.suppressed_recipient s using old where s.ctid = old.ctid returning s.at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  forgetOldErasures: {
    text: "with old as (\n  select e.ctid from evenfall.erasure e\n  where e.done_at < $1 and e.done_at >= coalesce($2::timestamptz, '-infinity')\n  order by e.done_at limit $3 for update skip locked\n), gone as (\n  delete from evenfall.erasure e using old where e.ctid = old.ctid returning e.done_at as at\n)\nselect count(*)::int as \"rows\", max(at) as \"up_to\" from gone",
    parameters: ['before', 'after', 'batch'],
  },
  customerOfTeam: {
    text: "select id::text as \"id\", stripe_customer_id as \"stripe_customer_id\" from evenfall.app_team\nwhere id = $1::text::evenfall.app_team_id",
    parameters: ['teamId'],
  },
  countUnverifiedUsers: {
    text: "select count(*)::int as \"due\" from evenfall.app_user u\nwhere u.email_verified_at is null\n  and u.created_at + $1::text::interval < $2::timestamptz\n  and evenfall.user_spared(u.id::text) is null\n  and not evenfall.user_vetoed(u.id::text, $2::timestamptz, $3::text::interval)",
    parameters: ['unverifiedUserAge', 'now', 'inactiveTeamAge'],
  },
  unverifiedUsers: {
    text: "select u.id::text as \"id\", u.email as \"email\" from evenfall.app_user u\nwhere ($1::text is null or u.id > $1::text::evenfall.app_user_id)\n  and u.email_verified_at is null\n  and u.created_at + $2::text::interval < $3::timestamptz\n  and evenfall.user_spared(u.id::text) is null\n  and not evenfall.user_vetoed(u.id::text, $3::timestamptz, $4::text::interval)\norder by u.id limit $5",
    parameters: ['after', 'unverifiedUserAge', 'now', 'inactiveTeamAge', 'batch'],
  },
  unverifiedUser: {
    text: "select u.created_at as \"created_at\",\n  case\n    when u.email_verified_at is not null then 'has verified'\n    when not u.created_at + $1::text::interval < $2::timestamptz then 'is not old enough'\n    when u.email is distinct from $3::text then 'has a new address'\n    when evenfall.user_vetoed(u.id::text, $2::timestamptz, $4::text::interval) then 'the app refused'\n    else evenfall.user_spared(u.id::text)\n  end as \"kept\"\nfrom evenfall.app_user u where u.id = $5::text::evenfall.app_user_id",
    parameters: ['unverifiedUserAge', 'now', 'email', 'inactiveTeamAge', 'userId'],
  },
  sparedBefore: {
    text: "select id from evenfall.history\nwhere subject = 'user:' || $1::text and what = 'user.spared' and detail->>'who' is distinct from 'app' limit 1",
    parameters: ['userId'],
  },
  tryUserFuse: {
    text: "select evenfall.try_fuse('delete-unverified-users', 'user:' || $1::text, $2, $3, $4)\n  as \"verdict\"",
    parameters: ['userId', 'occasion', 'waiting', 'fuseUsers'],
  },
} satisfies Record<keyof Queries, Statement>;

export interface ServerVersionRow {
  version: string;
  number: number;
}

export interface AppliedMigrationsRow {
  name: string;
}

export interface MissingGrantsRow {
  role: string;
  grant: string;
}

export interface AppliedContractRow {
  file: string | null;
}

export interface PausedKindsRow {
  kind: string;
}

export interface OpenTroublesRow {
  workers: number;
  deadLetters: number;
  untoldDeadLetters: number;
  unknownEffects: number;
  findings: number;
  untoldFindings: number;
}

export interface BlownFusesRow {
  kind: string;
}

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

export interface FindingCountsRow {
  kind: string;
  findings: number;
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

export interface SavepointRow {

}

export interface RollBackToSavepointRow {

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
  settledAt: Date | null;
}

export interface HoldRunRow {
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

export interface ListErasuresRow {
  id: number;
  subject: string;
  askedAt: Date;
  doneAt: Date | null;
  what: unknown;
  stripe: string | null;
  jobId: number | null;
}

export interface ListFindingsRow {
  id: number;
  kind: string;
  subject: string;
  teamId: string | null;
  message: string;
  foundAt: Date;
  alertedAt: Date | null;
  acknowledgedAt: Date | null;
  acknowledgedBy: string | null;
  note: string | null;
}

export interface AcknowledgeFindingRow {
  kind: string;
  subject: string;
}

export interface FindAcknowledgementRow {
  acknowledgedAt: Date | null;
  acknowledgedBy: string | null;
  note: string | null;
}

export interface FuseStatusRow {
  kind: string;
  allowed: number;
  since: Date;
  acts: number;
  waiting: number;
  policy: number;
  blownAt: Date | null;
  blownBy: string | null;
  releasedAt: Date | null;
  releasedActs: number | null;
  releasedBy: string | null;
  spread: number;
  spreadUntil: Date | null;
  spreadPerDay: number | null;
  spreadActs: number;
}

export interface LockFuseRow {
  blownAt: Date | null;
  blownBy: string | null;
}

export interface ReleaseFuseRow {
  releasedAt: Date;
}

export interface WakeFusedRow {
  jobs: number;
  notified: string | null;
}

export interface RecordInstallationRow {
  recordedAt: Date;
}

export interface FindInstallationRow {
  identity: string;
  isSame: boolean;
  dispatchNo: number;
  heldAt: Date | null;
  heldSign: string | null;
  highestDispatchNo: number | null;
}

export interface HoldInstallationRow {
  heldAt: Date | null;
}

export interface LockInstallationRow {
  heldAt: Date | null;
}

export interface LastSignOfLifeRow {
  at: Date | null;
  gap: string | null;
  now: Date;
}

export interface JobsUnderWayRow {
  queued: number;
  dispatched: number;
  running: number;
  workers: number;
}

export interface NoticesOfLastDayRow {
  kind: string;
  sent: number;
}

export interface SettleInstallationRow {
  answeredAt: Date;
}

export interface LeapDispatchNumbersRow {
  dispatchNo: number;
}

export interface RequeueRestoredRow {
  id: number;
}

export interface VoidBackfillsRow {
  id: number;
}

export interface PauseRestoredRow {
  kind: string;
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
  hasBegun: boolean;
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

export interface ForgetStartRow {
  id: number;
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

export interface MarkToKeepRow {
  state: string;
  isLatest: boolean;
  deleteAfter: Date;
  isDue: boolean;
  wasKept: boolean;
  keptUntil: Date | null;
  keepsUntil: Date;
  teamName: string | null;
  timeZone: string | null;
}

export interface KeepTeamRow {
  id: number;
}

export interface TeamToProtectRow {
  problem: string | null;
  mark: string | null;
}

export interface AppHasTeamRow {
  hasTeam: boolean;
}

export interface EndOfProtectionRow {
  now: Date;
  until: Date | null;
}

export interface LockMarkOfTeamRow {
  id: number;
  state: string;
}

export interface ProtectTeamRow {
  kind: string;
}

export interface LiftProtectionRow {
  until: Date | null;
  now: Date;
}

export interface ClearMarkOfTeamRow {
  id: number;
}

export interface AllowRecipientRow {
  why: string;
  at: Date;
  now: Date;
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

export interface ScheduleEndsRow {
  name: string;
  dueAt: Date | null;
  ageSeconds: number;
}

export interface TellScheduleRow {
  dueAt: Date;
}

export interface SpreadFuseRow {
  kind: string;
}

export interface RecentActsRow {
  at: Date;
}

export interface BacklogRow {
  id: number;
  notBefore: Date | null;
}

export interface TakePlacesRow {
  jobs: number;
  notified: string | null;
}

export interface TakeStripeTurnRow {
  verdict: string;
  waitMs: number;
  failures: number;
  openedAt: Date | null;
  openMs: number | null;
}

export interface ReportStripeRow {
  changed: string;
}

export interface StripeGateRow {
  failures: number;
  openedAt: Date | null;
  openMs: number | null;
}

export interface TeamTimelineRow {
  at: Date;
  what: string;
  subject: string;
  detail: unknown;
  source: string;
}

export interface WaitedRow {
  now: Date;
  waitedMs: number | null;
}

export interface LongWaitsRow {
  cause: string;
  jobs: number;
  since: Date;
  kinds: string[];
  classes: string[];
}

export interface RecordWaitRow {
  id: number;
  alertId: number;
}

export interface CloseWaitsRow {
  id: number;
  subject: string;
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

export interface KindsNobodyKnowsRow {
  kind: string;
  jobs: number;
}

export interface QueueBackendsRow {
  queueBackend: string;
}

export interface Machine {
  serverVersion(): Promise<ServerVersionRow[]>;
  appliedMigrations(): Promise<AppliedMigrationsRow[]>;
  /**
   * What the role that asks lacks of all that a worker does in these schemas, as the grants that mend it. From the
   * catalog, which everybody may read.
   */
  missingGrants(parameters: { schemas: string[] }): Promise<MissingGrantsRow[]>;
  /**
   * Where the contract came from; null for the one that ships.
   */
  appliedContract(): Promise<AppliedContractRow[]>;
  pausedKinds(): Promise<PausedKindsRow[]>;
  /**
   * What waits for a person, and whether anybody works.
   */
  openTroubles(parameters: { lease: string }): Promise<OpenTroublesRow[]>;
  blownFuses(): Promise<BlownFusesRow[]>;
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
  /**
   * What has waited for it gets its time anew: it was a person that kept it. Rides job_live_key, or reads what is live.
   */
  resumeKind(parameters: { kind: string }): Promise<ResumeKindRow[]>;
  /**
   * The kinds that the dispatcher may hand out: known here and not paused.
   */
  activeKinds(parameters: { kinds: string[] }): Promise<ActiveKindsRow[]>;
  recallIdempotencyKey(parameters: { tokenHash: string; key: string; plainKey: string }): Promise<RecallIdempotencyKeyRow[]>;
  keepIdempotencyKey(parameters: { tokenHash: string; key: string; bodyHash: string; jobId: number }): Promise<KeepIdempotencyKeyRow[]>;
  /**
   * For /metrics: jobs by kind and state that are not over, the age of the oldest due one, and the open dead letters.
   */
  jobCounts(): Promise<JobCountsRow[]>;
  deadLetterCounts(): Promise<DeadLetterCountsRow[]>;
  findingCounts(): Promise<FindingCountsRow[]>;
  unknownEffects(): Promise<UnknownEffectsRow[]>;
  databaseNow(): Promise<DatabaseNowRow[]>;
  /**
   * What a process checks before it works: the migrations and kinds that `evenfall migrate` has written.
   */
  schemaState(): Promise<SchemaStateRow[]>;
  savepoint(): Promise<SavepointRow[]>;
  rollBackToSavepoint(): Promise<RollBackToSavepointRow[]>;
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
   * The fence of a job's own transaction, last in the order of locks: no row when the run is no longer current.
   */
  holdRun(parameters: { jobId: number; runNo: number }): Promise<HoldRunRow[]>;
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
   * The newest first.
   */
  listErasures(parameters: { limit: number }): Promise<ListErasuresRow[]>;
  /**
   * Open ones first, first come first; then, of all, those acknowledged last.
   */
  listFindings(parameters: { all: boolean; limit: number }): Promise<ListFindingsRow[]>;
  /**
   * open → acknowledged, once, whoever else tries at the same time.
   */
  acknowledgeFinding(parameters: { who: string; why: string; id: number }): Promise<AcknowledgeFindingRow[]>;
  findAcknowledgement(parameters: { id: number }): Promise<FindAcknowledgementRow[]>;
  /**
   * As evenfall.try_fuse sees them at its next try. `policy` is what is allowed in 24 hours without a release; `acts`
   * are those that count against `allowed`; `waiting` are jobs, of which one may want to act on many users. What a person
   * has spread counts apart: `spread` jobs that wait for their places, and `spread_acts` of the last 24 hours.
   */
  fuseStatus(parameters: { kinds: string[]; actOn: string[]; fuseUsers: number; fuseMax: number; fuseShare: number }): Promise<FuseStatusRow[]>;
  /**
   * No act of the kind is counted while its fuse is being released.
   */
  lockFuse(parameters: { kind: string }): Promise<LockFuseRow[]>;
  /**
   * Whole again, blown or not: acts count from here, and for a day this many are allowed.
   */
  releaseFuse(parameters: { kind: string; acts: number; who: string }): Promise<ReleaseFuseRow[]>;
  /**
   * dispatched → queued, due at once: what waits for the kind's fuse. The BullMQ job that carried it comes to nothing,
   * for its dispatch is not the current one any more.
   */
  wakeFused(parameters: { kind: string }): Promise<WakeFusedRow[]>;
  /**
   * By the first worker that starts, and by nobody later: a copy must differ from what is written here.
   */
  recordInstallation(): Promise<RecordInstallationRow[]>;
  /**
   * What is recorded, whether it is this database, and the last number dispatched. An identifier that nobody may ask for,
   * then or now, says nothing: the oid decides alone.
   */
  findInstallation(): Promise<FindInstallationRow[]>;
  /**
   * Of several workers that find it at once one writes it down.
   */
  holdInstallation(parameters: { sign: string; highestDispatchNo: number | null }): Promise<HoldInstallationRow[]>;
  /**
   * Of two people who answer at once the second one finds that it was answered.
   */
  lockInstallation(): Promise<LockInstallationRow[]>;
  /**
   * How far the rows go that workers wrote. Not when jobs were created or cancelled: the app goes on asking meanwhile.
   */
  lastSignOfLife(): Promise<LastSignOfLifeRow[]>;
  jobsUnderWay(parameters: { lease: string }): Promise<JobsUnderWayRow[]>;
  /**
   * How many mails of each kind went out in the day up to @until: about as many are missing a day since.
   */
  noticesOfLastDay(parameters: { until: Date }): Promise<NoticesOfLastDayRow[]>;
  /**
   * The answer: this is the database from now on, and nothing is held.
   */
  settleInstallation(parameters: { who: string; why: string; lastSignOfLifeAt: Date | null }): Promise<SettleInstallationRow[]>;
  /**
   * Beyond every number that may have been given out in the time that is lost, known or not: BullMQ ignores an add whose
   * id it still keeps, and what it keeps finds no row that is dispatched under its number.
   */
  leapDispatchNumbers(parameters: { highestDispatchNo: number | null }): Promise<LeapDispatchNumbersRow[]>;
  /**
   * dispatched, running → queued, whoever was at it: no attempt, no crash. A withdrawn job ends.
   */
  requeueRestored(): Promise<RequeueRestoredRow[]>;
  /**
   * A picture of before is none: what deletes waits for the next whole read, and one that was under way begins anew.
   */
  voidBackfills(): Promise<VoidBackfillsRow[]>;
  /**
   * What is paused already keeps its reason.
   */
  pauseRestored(parameters: { kinds: string[]; whys: string[] }): Promise<PauseRestoredRow[]>;
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
   * job_due: one probe a turn, however many rows a turn has. Rows locked by someone else are skipped. Nothing is claimed
   * while the installation is held.
   */
  claim(parameters: { queue: string; kinds: string[]; after: string; slots: number }): Promise<ClaimRow[]>;
  /**
   * dispatched → running, or running with a dead worker → running (sql/functions/start_job.sql).
   */
  start(parameters: { id: number; dispatchNo: number; workerId: string; lease: string; payloadVersion: number }): Promise<StartRow[]>;
  /**
   * running → dispatched: this worker runs it by the row alone. The answer to its start was lost, or its outcome could not
   * be written; nothing is counted.
   */
  forgetStart(parameters: { id: number; dispatchNo: number; workerId: string }): Promise<ForgetStartRow[]>;
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
   * @renews: it was to wait, or a person holds it back, so its time begins anew.
   */
  snooze(parameters: { delayMs: number; renews: boolean; error: unknown | null; publicMessage: string | null; waiting: boolean; id: number; runNo: number }): Promise<SnoozeRow[]>;
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
   * their crash budget stay for findPoison. A withdrawn job ends. A row that a frozen worker's transaction still
   * locks is left for the next time, and holds up nobody else's.
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
   * What became of the link's mark at @now: of its team's latest one, for a later one may have taken its place. A mark
   * that is no longer there has no row. @why is what the link itself clears a mark with.
   */
  markToKeep(parameters: { now: Date; why: string; inactiveTeamAge: string; id: number }): Promise<MarkToKeepRow[]>;
  /**
   * marking, noticed → cleared, by the link: and snoozes the team, for no shorter than it was. Locks the mark first: of
   * two at once, or of this and a deletion, one comes too late and has no row.
   */
  keepTeam(parameters: { now: Date; why: string; id: number; inactiveTeamAge: string }): Promise<KeepTeamRow[]>;
  /**
   * What is known of a team: whether its id is one that the app can have, whether the app has it, and how its latest
   * mark stands.
   */
  teamToProtect(parameters: { teamId: string }): Promise<TeamToProtectRow[]>;
  /**
   * Only of an id without a problem. Rides the app's primary key.
   */
  appHasTeam(parameters: { teamId: string }): Promise<AppHasTeamRow[]>;
  /**
   * Now, and until when: as it was said, else for a snooze as the policy says, else without end.
   */
  endOfProtection(parameters: { until: Date | null; kind: string; inactiveTeamAge: string }): Promise<EndOfProtectionRow[]>;
  /**
   * The team's live mark: whoever acts on it waits, and so does this.
   */
  lockMarkOfTeam(parameters: { teamId: string }): Promise<LockMarkOfTeamRow[]>;
  /**
   * In place of what it had of that kind.
   */
  protectTeam(parameters: { teamId: string; kind: string; until: Date | null; why: string; who: string; now: Date }): Promise<ProtectTeamRow[]>;
  liftProtection(parameters: { teamId: string; kind: string }): Promise<LiftProtectionRow[]>;
  /**
   * marking, noticed → cleared.
   */
  clearMarkOfTeam(parameters: { now: Date; why: string; teamId: string }): Promise<ClearMarkOfTeamRow[]>;
  allowRecipient(parameters: { recipientHash: string }): Promise<AllowRecipientRow[]>;
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
   * The last occurrence whose job ran to its end, and for how many seconds there was none since: as long as the
   * schedule is known, where there was none ever. Walks the key of schedule_run back to the first that did.
   */
  scheduleEnds(parameters: { names: string[] }): Promise<ScheduleEndsRow[]>;
  /**
   * Marks what is to be told of a schedule: its occurrences of a day whose jobs have ended well. Whoever asks tells of
   * the newest, for all of them, before it commits; a telling that fails rolls back and leaves them untold. All are
   * locked, so that another worker, which passes over them, finds no older one to tell of instead.
   */
  tellSchedule(parameters: { schedule: string }): Promise<TellScheduleRow[]>;
  /**
   * Whole again, blown or not, and with the limit that it had: acts go on being counted as they were.
   */
  spreadFuse(parameters: { kind: string; perDay: number }): Promise<SpreadFuseRow[]>;
  /**
   * Of the last 24 hours, the oldest first.
   */
  recentActs(parameters: { kind: string }): Promise<RecentActsRow[]>;
  /**
   * What wants to act within the day or was spread before, in the order in which it waits; locked, so that nothing of it is
   * dispatched or starts meanwhile. Not what has acted for the team's mark already and only goes on, nor what is parked.
   * `not_before` is a time that somebody asked for. Rides job_live_key.
   */
  backlog(parameters: { kind: string }): Promise<BacklogRow[]>;
  /**
   * queued, dispatched → queued, each to wait for its place, with its time to give up counted from there. The BullMQ job that
   * carried it comes to nothing, for its dispatch is not the current one any more. One that runs finds its place when it comes
   * to the fuse.
   */
  takePlaces(parameters: { error: unknown; ids: number[]; places: Date[] }): Promise<TakePlacesRow[]>;
  /**
   * Before each request to Stripe.
   */
  takeStripeTurn(parameters: { spacingMs: number; patienceMs: number }): Promise<TakeStripeTurnRow[]>;
  /**
   * After a request that failed, and after one that worked while others had failed.
   */
  reportStripe(parameters: { worked: boolean; threshold: number }): Promise<ReportStripeRow[]>;
  /**
   * How it stands; locks nothing.
   */
  stripeGate(): Promise<StripeGateRow[]>;
  /**
   * The latest, oldest first.
   */
  teamTimeline(parameters: { teamId: string; limit: number }): Promise<TeamTimelineRow[]>;
  /**
   * How long a job has waited without using attempts, and the database's clock.
   */
  waited(parameters: { id: number }): Promise<WaitedRow[]>;
  /**
   * By cause, where the oldest has waited for longer than that. What a person has paused waits for that person.
   */
  longWaits(parameters: { longerThan: string }): Promise<LongWaitsRow[]>;
  /**
   * The finding and the job that tells people; nothing while one is open (finding_waiting_open), nor when a person
   * has acknowledged one since the oldest began to wait.
   */
  recordWait(parameters: { kind: string; subject: string; message: string; detail: unknown; since: Date }): Promise<RecordWaitRow[]>;
  /**
   * open → acknowledged by Evenfall: nobody has waited for it for long any more. Short waits do not hold it open, for
   * what comes back after an outage waits its turn.
   */
  closeWaits(parameters: { kind: string; shorterThan: string }): Promise<CloseWaitsRow[]>;
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
   * Registers the worker, with what it knows, or renews its lease. One statement, on a connection of its own, so that
   * busy jobs cannot make a living worker look dead.
   */
  beat(parameters: { id: string; concurrency: number; kinds: string[]; queueBackend: string }): Promise<BeatRow[]>;
  /**
   * A clean end. Its running rows, if any are left, are at once those of a dead worker.
   */
  signOff(parameters: { id: string }): Promise<SignOffRow[]>;
  /**
   * Rows of workers that are long gone and own nothing.
   */
  forgetDeadWorkers(): Promise<ForgetDeadWorkersRow[]>;
  /**
   * Queued jobs of kinds that no living worker knows: its code is older than the kind. None where nobody works, for that is
   * another trouble (and no verdict at all), nor where a worker of an older release does not say what it knows.
   */
  kindsNobodyKnows(parameters: { lease: string }): Promise<KindsNobodyKnowsRow[]>;
  /**
   * Where the living workers have their queues; one, unless their settings differ.
   */
  queueBackends(parameters: { lease: string }): Promise<QueueBackendsRow[]>;
}

export const machine = {
  serverVersion: {
    text: "select current_setting('server_version') as \"version\", current_setting('server_version_num')::int as \"number\"",
    parameters: [],
  },
  appliedMigrations: {
    text: "select name from evenfall.migration order by id",
    parameters: [],
  },
  missingGrants: {
    text: "with home as (\n  select oid, nspname::text as name from pg_namespace where nspname = any ($1::text[])\n), lacking as (\n  select name, 1 as place, format('usage on schema %I', name) as what from home where not has_schema_privilege(oid, 'usage')\n  union all\n  select name, 2, format('select, insert, update, delete on all tables in schema %I', name) from home\n  where exists (\n    select from pg_class c\n    where c.relnamespace = home.oid and case c.relkind\n      when 'v' then not has_table_privilege(c.oid, 'select')\n      when 'r' then not (has_table_privilege(c.oid, 'select') and has_table_privilege(c.oid, 'insert')\n        and has_table_privilege(c.oid, 'update') and has_table_privilege(c.oid, 'delete')) end)\n  union all\n  select name, 3, format('usage, select, update on all sequences in schema %I', name) from home\n  where exists (\n    select from pg_class c where c.relnamespace = home.oid\n      and case when c.relkind = 'S' then not (has_sequence_privilege(c.oid, 'usage')\n        and has_sequence_privilege(c.oid, 'select') and has_sequence_privilege(c.oid, 'update')) end)\n  union all\n  select name, 4, format('execute on all functions in schema %I', name) from home\n  where exists (\n    select from pg_proc p where p.pronamespace = home.oid and not has_function_privilege(p.oid, 'execute'))\n)\nselect current_user::text as \"role\", format('grant %s to %I;', what, current_user) as \"grant\"\nfrom lacking order by array_position($1::text[], name), place",
    parameters: ['schemas'],
  },
  appliedContract: {
    text: "select file from evenfall.contract",
    parameters: [],
  },
  pausedKinds: {
    text: "select kind from evenfall.job_kind where paused_at is not null order by kind",
    parameters: [],
  },
  openTroubles: {
    text: "select\n  (select count(*)::int from evenfall.worker where heartbeat_at > clock_timestamp() - $1::interval) as \"workers\",\n  (select count(*)::int from evenfall.dead_letter where resolved_at is null) as \"dead_letters\",\n  (select count(*)::int from evenfall.dead_letter where resolved_at is null and alerted_at is null) as \"untold_dead_letters\",\n  (select count(*)::int from evenfall.effect where state = 'unknown') as \"unknown_effects\",\n  (select count(*)::int from evenfall.finding where acknowledged_at is null) as \"findings\",\n  (select count(*)::int from evenfall.finding where acknowledged_at is null and alerted_at is null) as \"untold_findings\"",
    parameters: ['lease'],
  },
  blownFuses: {
    text: "select kind from evenfall.fuse where blown_at is not null order by kind",
    parameters: [],
  },
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
    text: "with before as (\n  select kind, give_up_after, paused_at from evenfall.job_kind where kind = $1 for update\n), renewed as (\n  update evenfall.job j set deadline_at = greatest(j.deadline_at, clock_timestamp() + b.give_up_after)\n  from before b\n  where b.paused_at is not null and j.kind = b.kind and j.state in ('queued', 'dispatched')\n)\nupdate evenfall.job_kind k set paused_at = null, paused_why = null from before where k.kind = before.kind returning k.kind",
    parameters: ['kind'],
  },
  activeKinds: {
    text: "select kind, payload_version from evenfall.job_kind where kind = any ($1) and paused_at is null",
    parameters: ['kinds'],
  },
  recallIdempotencyKey: {
    text: "select job_id, body_hash from evenfall.idempotency\nwhere token_hash = $1 and key in ($2, $3) and created_at > clock_timestamp() - interval '7 days'\norder by created_at desc limit 1",
    parameters: ['tokenHash', 'key', 'plainKey'],
  },
  keepIdempotencyKey: {
    text: "insert into evenfall.idempotency (token_hash, key, body_hash, job_id) values ($1, $2, $3, $4)\non conflict (token_hash, key) do update\n  set body_hash = excluded.body_hash, job_id = excluded.job_id, created_at = clock_timestamp()\n  where idempotency.created_at <= clock_timestamp() - interval '7 days'\nreturning job_id",
    parameters: ['tokenHash', 'key', 'bodyHash', 'jobId'],
  },
  jobCounts: {
    text: "select kind, state, count(*)::int as \"jobs\",\n  coalesce(extract(epoch from clock_timestamp() - min(run_at) filter (where run_at <= clock_timestamp())), 0)::float8 as \"oldest_due_seconds\"\nfrom evenfall.job where state in ('queued', 'dispatched', 'running', 'parked')\ngroup by kind, state",
    parameters: [],
  },
  deadLetterCounts: {
    text: "select kind, class, count(*)::int as \"letters\" from evenfall.dead_letter where resolved_at is null group by kind, class",
    parameters: [],
  },
  findingCounts: {
    text: "select kind, count(*)::int as \"findings\" from evenfall.finding where acknowledged_at is null group by kind",
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
  savepoint: {
    text: "savepoint evenfall",
    parameters: [],
  },
  rollBackToSavepoint: {
    text: "rollback to savepoint evenfall",
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
    text: "with current_run as (\n  select id from evenfall.job where id = $1 and run_no = $2 and state = 'running' for update\n), fence as (\n  select id from current_run union all select null where $1::bigint is null\n)\nupdate evenfall.effect e\nset state = 'settled', settled_at = clock_timestamp(), evidence = coalesce(e.evidence, '{}') || $3\nfrom fence\nwhere e.key = $4 and e.job_id is not distinct from fence.id and e.run_no = $2 and e.state = 'claimed'\nreturning e.id, e.settled_at",
    parameters: ['jobId', 'runNo', 'evidence', 'key'],
    json: ['evidence'],
  },
  holdRun: {
    text: "select id from evenfall.job where id = $1 and run_no = $2 and state = 'running' for update",
    parameters: ['jobId', 'runNo'],
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
  listErasures: {
    text: "select id, subject, asked_at, done_at, what, stripe, job_id from evenfall.erasure order by id desc limit $1",
    parameters: ['limit'],
  },
  listFindings: {
    text: "select id, kind, subject, team_id, message, found_at, alerted_at, acknowledged_at, acknowledged_by, note\nfrom evenfall.finding\nwhere ($1::boolean or acknowledged_at is null)\norder by acknowledged_at desc nulls first, found_at, id limit $2",
    parameters: ['all', 'limit'],
  },
  acknowledgeFinding: {
    text: "update evenfall.finding set acknowledged_at = clock_timestamp(), acknowledged_by = $1, note = $2\nwhere id = $3 and acknowledged_at is null\nreturning kind, subject",
    parameters: ['who', 'why', 'id'],
  },
  findAcknowledgement: {
    text: "select acknowledged_at, acknowledged_by, note from evenfall.finding where id = $1",
    parameters: ['id'],
  },
  fuseStatus: {
    text: "select k.kind as \"kind\", w.allowed as \"allowed\", w.since as \"since\",\n  (select count(*) from evenfall.fuse_act a where a.kind = k.kind and a.at > w.since and not a.spread)::int as \"acts\",\n  evenfall.waiting_to_act(k.kind) as \"waiting\", p.policy as \"policy\", f.blown_at as \"blown_at\",\n  f.blown_by as \"blown_by\", f.released_at as \"released_at\", f.released_acts as \"released_acts\",\n  f.released_by as \"released_by\", s.jobs as \"spread\", s.until as \"spread_until\",\n  case when s.jobs > 0 then f.spread_per_day end as \"spread_per_day\",\n  (select count(*) from evenfall.fuse_act a\n    where a.kind = k.kind and a.at > clock_timestamp() - interval '24 hours' and a.spread)::int as \"spread_acts\"\nfrom unnest($1::text[], $2::text[]) with ordinality as k (kind, act_on, n)\ncross join lateral (\n  select case k.act_on when 'users' then $3::int\n    else evenfall.team_fuse_limit($4, $5) end as policy) p\nleft join evenfall.fuse f on f.kind = k.kind\ncross join lateral evenfall.fuse_window(f, p.policy) w\ncross join lateral (\n  select count(*)::int as jobs, max(j.spread_at) as until from evenfall.job j\n  where j.kind = k.kind and j.key is not null and j.state in ('queued', 'dispatched', 'running', 'parked')\n    and j.spread_at is not null) s\norder by k.n",
    parameters: ['kinds', 'actOn', 'fuseUsers', 'fuseMax', 'fuseShare'],
  },
  lockFuse: {
    text: "select blown_at, blown_by from evenfall.fuse where kind = $1 for update",
    parameters: ['kind'],
  },
  releaseFuse: {
    text: "insert into evenfall.fuse (kind, released_at, released_acts, released_by)\nvalues ($1, clock_timestamp(), $2, $3)\non conflict (kind) do update\n  set blown_at = null, blown_by = null, released_at = excluded.released_at, released_acts = excluded.released_acts,\n      released_by = excluded.released_by\nreturning released_at as \"released_at\"",
    parameters: ['kind', 'acts', 'who'],
  },
  wakeFused: {
    text: "with woken as (\n  update evenfall.job set state = 'queued', due = true, run_at = clock_timestamp()\n  where kind = $1 and state = 'dispatched' and last_error->>'class' = 'fuse_blown'\n  returning id\n)\nselect count(*)::int as \"jobs\", pg_notify('evenfall_job', '')::text as \"notified\" from woken",
    parameters: ['kind'],
  },
  recordInstallation: {
    text: "insert into evenfall.installation (system_identifier, database_oid)\nselect evenfall.system_identifier(), d.oid::bigint from pg_database d where d.datname = current_database()\non conflict do nothing\nreturning recorded_at",
    parameters: [],
  },
  findInstallation: {
    text: "select coalesce(i.system_identifier, 'unknown') || '-' || i.database_oid as \"identity\",\n  i.database_oid = d.oid::bigint and coalesce(i.system_identifier = evenfall.system_identifier(), true) as \"is_same\",\n  case when s.is_called then s.last_value else 0 end as \"dispatch_no\",\n  i.held_at, i.held_sign, i.highest_dispatch_no\nfrom evenfall.installation i\njoin pg_database d on d.datname = current_database()\ncross join evenfall.dispatch_no s",
    parameters: [],
  },
  holdInstallation: {
    text: "update evenfall.installation\nset held_at = clock_timestamp(), held_sign = $1, highest_dispatch_no = $2::bigint\nwhere held_at is null\nreturning held_at",
    parameters: ['sign', 'highestDispatchNo'],
  },
  lockInstallation: {
    text: "select held_at from evenfall.installation for update",
    parameters: [],
  },
  lastSignOfLife: {
    text: "select seen.at as \"at\", date_trunc('second', clock_timestamp() - seen.at)::text as \"gap\", clock_timestamp() as \"now\"\nfrom (select greatest(\n  (select max(heartbeat_at) from evenfall.worker),\n  (select greatest(max(dispatched_at), max(started_at), max(finished_at) filter (where state <> 'cancelled'))\n    from evenfall.job),\n  (select greatest(max(claimed_at), max(settled_at)) from evenfall.effect)) as at) seen",
    parameters: [],
  },
  jobsUnderWay: {
    text: "select count(*) filter (where state in ('queued', 'parked'))::int as \"queued\",\n  count(*) filter (where state = 'dispatched')::int as \"dispatched\",\n  count(*) filter (where state = 'running')::int as \"running\",\n  (select count(*) from evenfall.worker w\n    where w.heartbeat_at > clock_timestamp() - $1::interval)::int as \"workers\"\nfrom evenfall.job where state in ('queued', 'dispatched', 'running', 'parked')",
    parameters: ['lease'],
  },
  noticesOfLastDay: {
    text: "select kind, count(*)::int as \"sent\" from evenfall.notice\nwhere state = 'sent' and at > $1::timestamptz - interval '24 hours' and at <= $1 group by kind order by kind",
    parameters: ['until'],
  },
  settleInstallation: {
    text: "update evenfall.installation\nset system_identifier = evenfall.system_identifier(),\n    database_oid = (select d.oid::bigint from pg_database d where d.datname = current_database()),\n    recorded_at = clock_timestamp(), held_at = null, held_sign = null, highest_dispatch_no = null,\n    answered_at = clock_timestamp(), answered_by = $1, answered_why = $2,\n    last_sign_of_life_at = $3\nreturning answered_at as \"answered_at\"",
    parameters: ['who', 'why', 'lastSignOfLifeAt'],
  },
  leapDispatchNumbers: {
    text: "select setval('evenfall.dispatch_no', greatest(last_value, $1::bigint) + 1000000000) as \"dispatch_no\"\nfrom evenfall.dispatch_no",
    parameters: ['highestDispatchNo'],
  },
  requeueRestored: {
    text: "update evenfall.job\nset state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'queued' end,\n    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,\n    due = not evenfall.is_withdrawn(job) and run_at <= clock_timestamp(), worker_id = null,\n    payload = coalesce(rerun_payload, payload), rerun_payload = null, rerun_at = null\nwhere state in ('dispatched', 'running')\nreturning id",
    parameters: [],
  },
  voidBackfills: {
    text: "delete from evenfall.backfill returning id",
    parameters: [],
  },
  pauseRestored: {
    text: "update evenfall.job_kind k set paused_at = clock_timestamp(), paused_why = wanted.why\nfrom unnest($1::text[], $2::text[]) as wanted (kind, why)\nwhere k.kind = wanted.kind and k.paused_at is null\nreturning k.kind",
    parameters: ['kinds', 'whys'],
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
    text: "with recursive level as (\n  select min(priority) as priority from evenfall.job\n  where queue = $1 and state = 'queued' and due and kind = any ($2)\n    and not exists (select from evenfall.installation where held_at is not null)\n), turn as (\n  (select j.turn from level, lateral (\n     select turn from evenfall.job\n     where queue = $1 and state = 'queued' and due and priority = level.priority and turn > $3\n       and kind = any ($2)\n     order by turn limit 1) j)\n  union all\n  select j.turn from level, turn, lateral (\n     select job.turn from evenfall.job\n     where queue = $1 and state = 'queued' and due and priority = level.priority and job.turn > turn.turn\n       and kind = any ($2)\n     order by job.turn limit 1) j\n), turns as (\n  select turn.turn from turn limit $4\n), fair as (\n  select ceil($4::numeric / greatest(count(*), 1))::int as share from turns\n), picked as (\n  select j.id from level, fair, turns, lateral (\n    select id from evenfall.job\n    where queue = $1 and state = 'queued' and due and priority = level.priority and job.turn = turns.turn\n      and kind = any ($2)\n    order by run_at, id limit fair.share\n    for update skip locked) j\n  limit $4\n)\nupdate evenfall.job\nset state = 'dispatched', due = false, dispatch_no = nextval('evenfall.dispatch_no'),\n    dispatched_at = clock_timestamp()\nfrom picked\nwhere job.id = picked.id\nreturning job.id, job.kind, job.payload, job.dispatch_no as \"dispatch_no\", job.turn as \"turn\", job.priority,\n  job.run_no > 0 as \"has_begun\"",
    parameters: ['queue', 'kinds', 'after', 'slots'],
  },
  start: {
    text: "select verdict as \"verdict\", payload as \"payload\", team_id as \"team_id\", attempts as \"attempts\",\n  crashes as \"crashes\", asks as \"asks\", run_no as \"run_no\", run_at as \"run_at\",\n  deadline_at as \"deadline_at\", last_error as \"last_error\", db_now as \"db_now\"\nfrom evenfall.start_job($1, $2, $3, $4, $5)",
    parameters: ['id', 'dispatchNo', 'workerId', 'lease', 'payloadVersion'],
  },
  forgetStart: {
    text: "update evenfall.job set state = 'dispatched', worker_id = null\nwhere id = $1 and dispatch_no = $2 and state = 'running' and worker_id = $3\nreturning id",
    parameters: ['id', 'dispatchNo', 'workerId'],
  },
  finish: {
    text: "update evenfall.job\nset state = case when rerun_payload is null then $1 else 'queued' end,\n    due = rerun_payload is not null and rerun_at <= clock_timestamp(),\n    finished_at = case when rerun_payload is null then clock_timestamp() end,\n    outcome = $2, public_message = null, last_error = null, worker_id = null, waiting_since = null,\n    spread_at = null,\n    payload = coalesce(rerun_payload, payload), run_at = coalesce(rerun_at, run_at),\n    deadline_at = coalesce(\n      rerun_at + (select give_up_after from evenfall.job_kind k where k.kind = job.kind), deadline_at),\n    attempts = case when rerun_payload is null then attempts else 0 end,\n    asks = asks + (rerun_payload is not null)::int, rerun_payload = null, rerun_at = null\nwhere id = $3 and run_no = $4 and state = 'running'\nreturning state",
    parameters: ['state', 'outcome', 'id', 'runNo'],
    json: ['outcome'],
  },
  retry: {
    text: "update evenfall.job\nset state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'dispatched' end,\n    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,\n    attempts = attempts + 1, run_at = clock_timestamp() + $1 * interval '1 millisecond',\n    last_error = $2, public_message = $3, worker_id = null, waiting_since = null,\n    payload = coalesce(rerun_payload, payload), asks = asks + (rerun_payload is not null)::int,\n    rerun_payload = null, rerun_at = null\nwhere id = $4 and run_no = $5 and state = 'running'\nreturning state",
    parameters: ['delayMs', 'error', 'publicMessage', 'id', 'runNo'],
    json: ['error'],
  },
  snooze: {
    text: "update evenfall.job\nset state = case when evenfall.is_withdrawn(job) then 'cancelled' else 'dispatched' end,\n    finished_at = case when evenfall.is_withdrawn(job) then clock_timestamp() end,\n    run_at = clock_timestamp() + $1 * interval '1 millisecond', worker_id = null,\n    deadline_at = case when $2::boolean\n      then greatest(deadline_at, clock_timestamp() + $1 * interval '1 millisecond'\n        + (select give_up_after from evenfall.job_kind k where k.kind = job.kind))\n      else deadline_at end,\n    last_error = coalesce($3, last_error), public_message = coalesce($4, public_message),\n    waiting_since = case when $5::boolean then coalesce(waiting_since, clock_timestamp()) end,\n    payload = coalesce(rerun_payload, payload), asks = asks + (rerun_payload is not null)::int,\n    rerun_payload = null, rerun_at = null\nwhere id = $6 and run_no = $7 and state = 'running'\nreturning state, waiting_since",
    parameters: ['delayMs', 'renews', 'error', 'publicMessage', 'waiting', 'id', 'runNo'],
    json: ['error'],
  },
  bury: {
    text: "with ended as (\n  update evenfall.job\n  set state = case when rerun_payload is null then 'dead' else 'queued' end,\n      due = rerun_payload is not null and rerun_at <= clock_timestamp(),\n      finished_at = case when rerun_payload is null then clock_timestamp() end,\n      last_error = $1, public_message = $2, worker_id = null, waiting_since = null, spread_at = null,\n      payload = coalesce(rerun_payload, payload), run_at = coalesce(rerun_at, run_at),\n      deadline_at = coalesce(\n      rerun_at + (select give_up_after from evenfall.job_kind k where k.kind = job.kind), deadline_at),\n      attempts = case when rerun_payload is null then attempts + 1 else 0 end,\n      asks = asks + (rerun_payload is not null)::int, rerun_payload = null, rerun_at = null\n  where id = $3 and run_no = $4 and state = 'running'\n  returning *\n), letter as (\n  insert into evenfall.dead_letter (job_id, run_no, kind, team_id, class, code, error, attempts, crashes)\n  select id, run_no, kind, team_id, $5, $6, $1, attempts, crashes from ended where state = 'dead'\n  on conflict (job_id, run_no) do nothing\n  returning id\n)\nselect ended.state as \"state\", letter.id as \"dead_letter_id\",\n  case when letter.id is not null and ended.kind <> 'alert-dead-letter'\n    then evenfall.enqueue('alert-dead-letter', jsonb_build_object('deadLetterId', letter.id)) end as \"alert_id\"\nfrom ended left join letter on true",
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
    text: "update evenfall.job j\nset state = case when evenfall.is_withdrawn(j) then 'cancelled' else 'queued' end,\n    finished_at = case when evenfall.is_withdrawn(j) then clock_timestamp() end,\n    due = not evenfall.is_withdrawn(j), run_at = least(j.run_at, clock_timestamp()), worker_id = null, crashes = j.crashes + 1\nwhere j.id in (\n  select r.id from evenfall.job r join evenfall.job_kind k on k.kind = r.kind\n  where r.state = 'running' and r.crashes < k.crash_budget\n    and not evenfall.worker_lives(r.worker_id, $1::interval)\n  for update of r skip locked\n)\nreturning j.id, j.kind, j.crashes",
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
  markToKeep: {
    text: "select l.state as \"state\", l.id = d.id as \"is_latest\", coalesce(l.delete_after, l.announced_delete_at) as \"delete_after\",\n  coalesce(l.delete_after, l.announced_delete_at) < $1::timestamptz as \"is_due\",\n  coalesce(l.cleared_why = $2, false) as \"was_kept\",\n  s.until as \"kept_until\", $1::timestamptz + $3::text::interval as \"keeps_until\",\n  t.name as \"team_name\", t.time_zone as \"time_zone\"\nfrom evenfall.team_deletion d\ncross join lateral (\n  select * from evenfall.team_deletion other where other.team_id = d.team_id order by other.id desc limit 1) l\nleft join evenfall.app_team t on t.id = d.team_id::evenfall.app_team_id\nleft join evenfall.team_protection s on s.team_id = d.team_id and s.kind = 'snooze' and s.until > $1::timestamptz\nwhere d.id = $4",
    parameters: ['now', 'why', 'inactiveTeamAge', 'id'],
  },
  keepTeam: {
    text: "with kept as (\n  update evenfall.team_deletion set state = 'cleared', cleared_at = $1, cleared_why = $2\n  where id = $3 and state in ('marking', 'noticed')\n  returning team_id\n), snoozed as (\n  insert into evenfall.team_protection (team_id, kind, until, why, who, at)\n  select team_id, 'snooze', $1::timestamptz + $4::text::interval, $2, 'keep link', $1 from kept\n  on conflict (team_id, kind) do update\n    set until = greatest(team_protection.until, excluded.until), why = excluded.why, who = excluded.who, at = excluded.at\n  returning team_id, until\n)\ninsert into evenfall.history (at, what, team_id, subject, detail, source)\nselect $1, 'team.kept', team_id, 'team:' || team_id,\n  jsonb_build_object('until', to_char(until at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"')), 'keep-link'\nfrom snoozed\nreturning id",
    parameters: ['now', 'why', 'id', 'inactiveTeamAge'],
  },
  teamToProtect: {
    text: "select evenfall.id_problem('{\"properties\": {\"teamId\": {\"format\": \"team-id\"}}}',\n    jsonb_build_object('teamId', $1::text)) as \"problem\",\n  (select d.state from evenfall.team_deletion d where d.team_id = $1::text order by d.id desc limit 1) as \"mark\"",
    parameters: ['teamId'],
  },
  appHasTeam: {
    text: "select exists (select from evenfall.app_team where id = $1::text::evenfall.app_team_id) as \"has_team\"",
    parameters: ['teamId'],
  },
  endOfProtection: {
    text: "select clock.now as \"now\", coalesce($1::timestamptz,\n    case when $2::text = 'snooze' then clock.now + $3::text::interval end) as \"until\"\nfrom (select clock_timestamp() as now) clock",
    parameters: ['until', 'kind', 'inactiveTeamAge'],
  },
  lockMarkOfTeam: {
    text: "select id, state from evenfall.team_deletion\nwhere team_id = $1 and state in ('marking', 'noticed', 'deleting') for update",
    parameters: ['teamId'],
  },
  protectTeam: {
    text: "insert into evenfall.team_protection (team_id, kind, until, why, who, at)\nvalues ($1, $2, $3, $4, $5, $6)\non conflict (team_id, kind) do update\n  set until = excluded.until, why = excluded.why, who = excluded.who, at = excluded.at\nreturning kind",
    parameters: ['teamId', 'kind', 'until', 'why', 'who', 'now'],
  },
  liftProtection: {
    text: "delete from evenfall.team_protection where team_id = $1 and kind = $2\nreturning until, clock_timestamp() as \"now\"",
    parameters: ['teamId', 'kind'],
  },
  clearMarkOfTeam: {
    text: "update evenfall.team_deletion set state = 'cleared', cleared_at = $1, cleared_why = $2\nwhere team_id = $3 and state in ('marking', 'noticed')\nreturning id",
    parameters: ['now', 'why', 'teamId'],
  },
  allowRecipient: {
    text: "delete from evenfall.suppressed_recipient where recipient_hash = $1\nreturning why, at, clock_timestamp() as \"now\"",
    parameters: ['recipientHash'],
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
  scheduleEnds: {
    text: "select s.name as \"name\", ended.due_at as \"due_at\",\n  extract(epoch from clock_timestamp() - coalesce(ended.due_at, s.since))::float8 as \"age_seconds\"\nfrom evenfall.schedule s\nleft join lateral (\n  select r.due_at from evenfall.schedule_run r\n  join evenfall.job j on j.id = r.job_id and j.state in ('done', 'skipped')\n  where r.schedule = s.name order by r.due_at desc limit 1\n) ended on true\nwhere s.name = any ($1)\norder by s.name",
    parameters: ['names'],
  },
  tellSchedule: {
    text: "with untold as (\n  select r.due_at from evenfall.schedule_run r\n  join evenfall.job j on j.id = r.job_id and j.state in ('done', 'skipped')\n  where r.schedule = $1 and r.due_at > clock_timestamp() - interval '1 day' and r.told_at is null\n  for update of r skip locked\n)\nupdate evenfall.schedule_run r set told_at = clock_timestamp()\nfrom untold where r.schedule = $1 and r.due_at = untold.due_at\nreturning r.due_at",
    parameters: ['schedule'],
  },
  spreadFuse: {
    text: "insert into evenfall.fuse (kind, spread_per_day) values ($1, $2)\non conflict (kind) do update set blown_at = null, blown_by = null, spread_per_day = excluded.spread_per_day\nreturning kind",
    parameters: ['kind', 'perDay'],
  },
  recentActs: {
    text: "select at from evenfall.fuse_act where kind = $1 and at > clock_timestamp() - interval '24 hours' order by at",
    parameters: ['kind'],
  },
  backlog: {
    text: "select j.id, case when j.state = 'queued' and j.attempts = 0 and j.spread_at is null then j.run_at end as \"not_before\"\nfrom evenfall.job j\nwhere j.kind = $1 and j.key is not null and j.state in ('queued', 'dispatched', 'running')\n  and (j.spread_at is not null or j.run_at < clock_timestamp() + interval '24 hours')\n  and not exists (\n    select from evenfall.team_deletion d\n    join evenfall.fuse_act a\n      on a.kind = j.kind and a.subject = 'team:' || d.team_id and a.occasion = 'mark ' || d.id\n    where d.team_id = j.team_id and d.state in ('marking', 'noticed', 'deleting'))\norder by j.spread_at, j.id\nfor update of j",
    parameters: ['kind'],
  },
  takePlaces: {
    text: "with placed as (\n  update evenfall.job j\n  set state = case j.state when 'dispatched' then 'queued' else j.state end, due = false,\n      run_at = place.at, spread_at = place.at, deadline_at = greatest(j.deadline_at, place.at + k.give_up_after),\n      waiting_since = null, last_error = $1\n  from unnest($2::bigint[], $3::timestamptz[]) as place (id, at), evenfall.job_kind k\n  where j.id = place.id and k.kind = j.kind\n  returning j.id\n)\nselect count(*)::int as \"jobs\", pg_notify('evenfall_job', '')::text as \"notified\" from placed",
    parameters: ['error', 'ids', 'places'],
    json: ['error'],
  },
  takeStripeTurn: {
    text: "select verdict as \"verdict\", wait_ms as \"wait_ms\", failures as \"failures\", opened_at as \"opened_at\",\n  extract(epoch from clock_timestamp() - opened_at)::float8 * 1000 as \"open_ms\"\nfrom evenfall.stripe_turn(clock_timestamp(), $1 * interval '1 millisecond',\n  $2 * interval '1 millisecond')",
    parameters: ['spacingMs', 'patienceMs'],
  },
  reportStripe: {
    text: "select evenfall.stripe_answered(clock_timestamp(), $1, $2) as \"changed\"",
    parameters: ['worked', 'threshold'],
  },
  stripeGate: {
    text: "select failures, opened_at, extract(epoch from clock_timestamp() - opened_at)::float8 * 1000 as \"open_ms\"\nfrom evenfall.stripe_gate where id = 1",
    parameters: [],
  },
  teamTimeline: {
    text: "select at as \"at\", what as \"what\", subject as \"subject\", detail as \"detail\", source as \"source\"\nfrom (\n  select * from evenfall.team_timeline where team_id = $1\n  order by at desc, seq desc, what desc limit $2\n) latest\norder by at, seq, what",
    parameters: ['teamId', 'limit'],
  },
  waited: {
    text: "select clock_timestamp() as \"now\", extract(epoch from clock_timestamp() - waiting_since)::float8 * 1000 as \"waited_ms\"\nfrom evenfall.job where id = $1",
    parameters: ['id'],
  },
  longWaits: {
    text: "select evenfall.waiting_for(j.last_error) as \"cause\", count(*)::int as \"jobs\", min(j.waiting_since) as \"since\",\n  array_agg(distinct j.kind) as \"kinds\", array_agg(distinct coalesce(j.last_error->>'class', 'unexpected')) as \"classes\"\nfrom evenfall.job j join evenfall.job_kind k using (kind)\nwhere j.waiting_since is not null and j.state in ('queued', 'dispatched', 'running') and k.paused_at is null\ngroup by 1\nhaving min(j.waiting_since) < clock_timestamp() - $1::interval\norder by 1",
    parameters: ['longerThan'],
  },
  recordWait: {
    text: "with found as (\n  insert into evenfall.finding (kind, subject, occasion, message, detail, found_at)\n  select $1, $2, clock_timestamp()::text, $3, $4, clock_timestamp()\n  where not exists (\n    select from evenfall.finding f\n    where f.kind = $1 and f.subject = $2\n      and (f.acknowledged_at is null or (f.acknowledged_by <> 'evenfall' and f.found_at > $5)))\n  on conflict do nothing\n  returning id\n)\nselect id as \"id\", evenfall.enqueue('alert-finding', jsonb_build_object('findingId', id)) as \"alert_id\" from found",
    parameters: ['kind', 'subject', 'message', 'detail', 'since'],
    json: ['detail'],
  },
  closeWaits: {
    text: "update evenfall.finding f\nset acknowledged_at = clock_timestamp(), acknowledged_by = 'evenfall', note = 'nobody waits for it any more'\nwhere f.kind = $1 and f.acknowledged_at is null\n  and not exists (\n    select from evenfall.job j join evenfall.job_kind k using (kind)\n    where j.waiting_since < clock_timestamp() - $2::interval\n      and j.state in ('queued', 'dispatched', 'running') and k.paused_at is null\n      and 'waiting:' || evenfall.waiting_for(j.last_error) = f.subject)\nreturning id, subject",
    parameters: ['kind', 'shorterThan'],
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
    text: "insert into evenfall.worker (id, concurrency, kinds, queue_backend)\nvalues ($1, $2, $3, $4)\non conflict (id) do update set heartbeat_at = clock_timestamp(), concurrency = excluded.concurrency\nreturning heartbeat_at",
    parameters: ['id', 'concurrency', 'kinds', 'queueBackend'],
  },
  signOff: {
    text: "delete from evenfall.worker where id = $1 returning id",
    parameters: ['id'],
  },
  forgetDeadWorkers: {
    text: "delete from evenfall.worker w\nwhere w.heartbeat_at < clock_timestamp() - interval '1 hour'\n  and not exists (select from evenfall.job j where j.state = 'running' and j.worker_id = w.id)\nreturning id",
    parameters: [],
  },
  kindsNobodyKnows: {
    text: "select queued.kind as \"kind\", queued.jobs as \"jobs\"\nfrom (select kind, count(*)::int as jobs from evenfall.job where state = 'queued' group by kind) queued\ncross join lateral (\n  select bool_or(coalesce(queued.kind = any (w.kinds), true)) as known\n  from evenfall.worker w where w.heartbeat_at > clock_timestamp() - $1::interval\n) alive\nwhere not alive.known\norder by queued.kind",
    parameters: ['lease'],
  },
  queueBackends: {
    text: "select distinct queue_backend as \"queue_backend\" from evenfall.worker\nwhere heartbeat_at > clock_timestamp() - $1::interval and queue_backend is not null",
    parameters: ['lease'],
  },
} satisfies Record<keyof Machine, Statement>;

/** What a sweep may ask for. */
export interface SweepParameters {
  cardWindow: string;
  deletionReminder: string | null;
  inactiveTeamAge: string;
  now: Date;
  trialReminders: string[];
  unverifiedUserAge: string;
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
  'delete-inactive-team': {
    list: { text: "select jsonb_build_object('teamId', d.team_id) as payload, d.team_id, d.team_id as subject,\n  'its notice was sent at ' || to_char(d.notice_sent_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n    || ', and it was to be deleted after ' || to_char(d.delete_after at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as why\nfrom evenfall.team_deletion d\nwhere d.state = 'noticed' and d.delete_after < $1::timestamptz\n  and not exists (\n    select from evenfall.dead_letter l\n    where l.resolved_at is null and l.kind = 'delete-inactive-team' and l.team_id = d.team_id)\norder by d.delete_after, d.id", parameters: ['now'] },
    enqueue: { text: "with due as (\nselect jsonb_build_object('teamId', d.team_id) as payload, d.team_id, d.team_id as subject,\n  'its notice was sent at ' || to_char(d.notice_sent_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n    || ', and it was to be deleted after ' || to_char(d.delete_after at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"') as why\nfrom evenfall.team_deletion d\nwhere d.state = 'noticed' and d.delete_after < $1::timestamptz\n  and not exists (\n    select from evenfall.dead_letter l\n    where l.resolved_at is null and l.kind = 'delete-inactive-team' and l.team_id = d.team_id)\norder by d.delete_after, d.id\n), enqueued as (\n  insert into evenfall.job (kind, queue, payload, payload_version, key, team_id, due, run_at, deadline_at, source)\n  select k.kind, k.queue, due.payload, k.payload_version,\n    coalesce(evenfall.default_key(k.key_fields, due.payload), 'swept'),\n    coalesce(due.team_id, due.payload->>k.team_field), true, clock_timestamp(), clock_timestamp() + k.give_up_after,\n    'sweep:delete-inactive-team'\n  from due cross join evenfall.job_kind k\n  where k.kind = 'delete-inactive-team'\n  order by 5\n  on conflict (kind, key) where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing\n  returning 1\n)\nselect (select count(*) from due)::int as due, (select count(*) from enqueued)::int as enqueued", parameters: ['now'] },
  },
  'delete-unverified-users': {
    list: { text: "select '{}'::jsonb as payload, null::text as team_id, u.id::text as subject,\n  'created at ' || to_char(u.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n    || ', more than ' || $1::text || ' ago, and never verified' as why\nfrom evenfall.app_user u\nwhere u.email_verified_at is null\n  and u.created_at + $1::text::interval < $2::timestamptz\n  and evenfall.user_spared(u.id::text) is null\n  and not evenfall.user_vetoed(u.id::text, $2::timestamptz, $3::text::interval)\norder by u.created_at, u.id", parameters: ['unverifiedUserAge', 'now', 'inactiveTeamAge'] },
    enqueue: { text: "with due as (\nselect '{}'::jsonb as payload, null::text as team_id, u.id::text as subject,\n  'created at ' || to_char(u.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n    || ', more than ' || $1::text || ' ago, and never verified' as why\nfrom evenfall.app_user u\nwhere u.email_verified_at is null\n  and u.created_at + $1::text::interval < $2::timestamptz\n  and evenfall.user_spared(u.id::text) is null\n  and not evenfall.user_vetoed(u.id::text, $2::timestamptz, $3::text::interval)\norder by u.created_at, u.id\n), enqueued as (\n  insert into evenfall.job (kind, queue, payload, payload_version, key, team_id, due, run_at, deadline_at, source)\n  select k.kind, k.queue, due.payload, k.payload_version,\n    coalesce(evenfall.default_key(k.key_fields, due.payload), 'swept'),\n    coalesce(due.team_id, due.payload->>k.team_field), true, clock_timestamp(), clock_timestamp() + k.give_up_after,\n    'sweep:delete-unverified-users'\n  from due cross join evenfall.job_kind k\n  where k.kind = 'delete-unverified-users'\n  order by 5\n  on conflict (kind, key) where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing\n  returning 1\n)\nselect (select count(*) from due)::int as due, (select count(*) from enqueued)::int as enqueued", parameters: ['unverifiedUserAge', 'now', 'inactiveTeamAge'] },
  },
  'deletion-reminder-email': {
    list: { text: "select jsonb_build_object('teamId', d.team_id) as payload, d.team_id, d.team_id as subject,\n  'it is to be deleted after ' || to_char(d.delete_after at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n    || ', the reminder is due ' || $1::text || ' before' as why\nfrom evenfall.team_deletion d\nwhere d.state = 'noticed' and d.delete_after > $2::timestamptz\n  and evenfall.deletion_reminder(d.delete_after, $1::text, $2::timestamptz) in ('due', 'late')\n  and not exists (\n    select from evenfall.notice n\n    where n.kind = 'deletion-reminder' and n.subject = 'team:' || d.team_id and n.occasion = 'mark ' || d.id)\n  and not exists (\n    select from evenfall.dead_letter l\n    where l.resolved_at is null and l.kind = 'deletion-reminder-email' and l.team_id = d.team_id)\n  and evenfall.team_spared(d.team_id, $2::timestamptz) is null\norder by d.delete_after, d.id", parameters: ['deletionReminder', 'now'] },
    enqueue: { text: "with due as (\nselect jsonb_build_object('teamId', d.team_id) as payload, d.team_id, d.team_id as subject,\n  'it is to be deleted after ' || to_char(d.delete_after at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n    || ', the reminder is due ' || $1::text || ' before' as why\nfrom evenfall.team_deletion d\nwhere d.state = 'noticed' and d.delete_after > $2::timestamptz\n  and evenfall.deletion_reminder(d.delete_after, $1::text, $2::timestamptz) in ('due', 'late')\n  and not exists (\n    select from evenfall.notice n\n    where n.kind = 'deletion-reminder' and n.subject = 'team:' || d.team_id and n.occasion = 'mark ' || d.id)\n  and not exists (\n    select from evenfall.dead_letter l\n    where l.resolved_at is null and l.kind = 'deletion-reminder-email' and l.team_id = d.team_id)\n  and evenfall.team_spared(d.team_id, $2::timestamptz) is null\norder by d.delete_after, d.id\n), enqueued as (\n  insert into evenfall.job (kind, queue, payload, payload_version, key, team_id, due, run_at, deadline_at, source)\n  select k.kind, k.queue, due.payload, k.payload_version,\n    coalesce(evenfall.default_key(k.key_fields, due.payload), 'swept'),\n    coalesce(due.team_id, due.payload->>k.team_field), true, clock_timestamp(), clock_timestamp() + k.give_up_after,\n    'sweep:deletion-reminder-email'\n  from due cross join evenfall.job_kind k\n  where k.kind = 'deletion-reminder-email'\n  order by 5\n  on conflict (kind, key) where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing\n  returning 1\n)\nselect (select count(*) from due)::int as due, (select count(*) from enqueued)::int as enqueued", parameters: ['deletionReminder', 'now'] },
  },
  'expiring-card-email': {
    list: { text: "select jsonb_build_object('cardId', due.id) as payload,\n  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,\n  due.id as subject,\n  'the card expires at the end of ' || due.month || ' and backs ' || due.backed as why\nfrom (\n  select c.id, c.customer_id, u.team_id, b.backed,\n    to_char(c.exp_year, 'FM0000') || '-' || to_char(c.exp_month, 'FM00') as month\n  from evenfall.card c\n  left join evenfall.customer u on u.id = c.customer_id\n  cross join lateral (\n    select string_agg(s.id, ' ' order by s.id) as backed\n    from (\n      select s.* from evenfall.subscription s where s.default_payment_method = c.id\n      union all\n      select s.* from evenfall.customer p join evenfall.subscription s on s.customer_id = p.id\n      where p.default_payment_method = c.id and s.default_payment_method is null\n    ) s\n    where s.status in ('active', 'trialing', 'past_due') and not s.gone and not s.cancel_at_period_end\n      and (s.cancel_at is null or s.cancel_at > greatest(c.expires_at, s.current_period_end))\n  ) b\n  where not c.detached and b.backed is not null\n    and c.expires_at > $1::timestamptz\n    and evenfall.card_expiry(c.expires_at, $2::text, $1::timestamptz) = 'due'\n) due\nwhere not exists (\n    select from evenfall.notice n\n    where n.kind = 'expiring-card' and n.subject = 'card:' || due.id and n.occasion = due.month)\n  and not exists (\n    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id\n    where d.resolved_at is null and d.kind = 'expiring-card-email'\n      and j.payload @> jsonb_build_object('cardId', due.id))\norder by due.month, due.id", parameters: ['now', 'cardWindow'] },
    enqueue: { text: "with due as (\nselect jsonb_build_object('cardId', due.id) as payload,\n  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,\n  due.id as subject,\n  'the card expires at the end of ' || due.month || ' and backs ' || due.backed as why\nfrom (\n  select c.id, c.customer_id, u.team_id, b.backed,\n    to_char(c.exp_year, 'FM0000') || '-' || to_char(c.exp_month, 'FM00') as month\n  from evenfall.card c\n  left join evenfall.customer u on u.id = c.customer_id\n  cross join lateral (\n    select string_agg(s.id, ' ' order by s.id) as backed\n    from (\n      select s.* from evenfall.subscription s where s.default_payment_method = c.id\n      union all\n      select s.* from evenfall.customer p join evenfall.subscription s on s.customer_id = p.id\n      where p.default_payment_method = c.id and s.default_payment_method is null\n    ) s\n    where s.status in ('active', 'trialing', 'past_due') and not s.gone and not s.cancel_at_period_end\n      and (s.cancel_at is null or s.cancel_at > greatest(c.expires_at, s.current_period_end))\n  ) b\n  where not c.detached and b.backed is not null\n    and c.expires_at > $1::timestamptz\n    and evenfall.card_expiry(c.expires_at, $2::text, $1::timestamptz) = 'due'\n) due\nwhere not exists (\n    select from evenfall.notice n\n    where n.kind = 'expiring-card' and n.subject = 'card:' || due.id and n.occasion = due.month)\n  and not exists (\n    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id\n    where d.resolved_at is null and d.kind = 'expiring-card-email'\n      and j.payload @> jsonb_build_object('cardId', due.id))\norder by due.month, due.id\n), enqueued as (\n  insert into evenfall.job (kind, queue, payload, payload_version, key, team_id, due, run_at, deadline_at, source)\n  select k.kind, k.queue, due.payload, k.payload_version,\n    coalesce(evenfall.default_key(k.key_fields, due.payload), 'swept'),\n    coalesce(due.team_id, due.payload->>k.team_field), true, clock_timestamp(), clock_timestamp() + k.give_up_after,\n    'sweep:expiring-card-email'\n  from due cross join evenfall.job_kind k\n  where k.kind = 'expiring-card-email'\n  order by 5\n  on conflict (kind, key) where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing\n  returning 1\n)\nselect (select count(*) from due)::int as due, (select count(*) from enqueued)::int as enqueued", parameters: ['now', 'cardWindow'] },
  },
  'mark-team-for-deletion': {
    list: { text: "select jsonb_build_object('teamId', t.id::text) as payload, t.id::text as team_id, t.id::text as subject,\n  'created at ' || to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n    || ', more than ' || $1::text || ' ago, and never subscribed' as why\nfrom evenfall.app_team t\nwhere t.created_at + $1::text::interval < $2::timestamptz\n  and not exists (\n    select from evenfall.team_deletion d\n    where d.team_id = t.id::text and d.state in ('noticed', 'deleting'))\n  and not exists (\n    select from evenfall.finding f\n    where f.kind = 'nobody-to-notify' and f.subject = 'team:' || t.id::text and f.acknowledged_at is null)\n  and not exists (\n    select from evenfall.dead_letter l\n    where l.resolved_at is null and l.kind = 'mark-team-for-deletion' and l.team_id = t.id::text)\n  and evenfall.team_spared(t.id::text, $2::timestamptz) is null\norder by t.created_at, t.id", parameters: ['inactiveTeamAge', 'now'] },
    enqueue: { text: "with due as (\nselect jsonb_build_object('teamId', t.id::text) as payload, t.id::text as team_id, t.id::text as subject,\n  'created at ' || to_char(t.created_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS\"Z\"')\n    || ', more than ' || $1::text || ' ago, and never subscribed' as why\nfrom evenfall.app_team t\nwhere t.created_at + $1::text::interval < $2::timestamptz\n  and not exists (\n    select from evenfall.team_deletion d\n    where d.team_id = t.id::text and d.state in ('noticed', 'deleting'))\n  and not exists (\n    select from evenfall.finding f\n    where f.kind = 'nobody-to-notify' and f.subject = 'team:' || t.id::text and f.acknowledged_at is null)\n  and not exists (\n    select from evenfall.dead_letter l\n    where l.resolved_at is null and l.kind = 'mark-team-for-deletion' and l.team_id = t.id::text)\n  and evenfall.team_spared(t.id::text, $2::timestamptz) is null\norder by t.created_at, t.id\n), enqueued as (\n  insert into evenfall.job (kind, queue, payload, payload_version, key, team_id, due, run_at, deadline_at, source)\n  select k.kind, k.queue, due.payload, k.payload_version,\n    coalesce(evenfall.default_key(k.key_fields, due.payload), 'swept'),\n    coalesce(due.team_id, due.payload->>k.team_field), true, clock_timestamp(), clock_timestamp() + k.give_up_after,\n    'sweep:mark-team-for-deletion'\n  from due cross join evenfall.job_kind k\n  where k.kind = 'mark-team-for-deletion'\n  order by 5\n  on conflict (kind, key) where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing\n  returning 1\n)\nselect (select count(*) from due)::int as due, (select count(*) from enqueued)::int as enqueued", parameters: ['inactiveTeamAge', 'now'] },
  },
  'trial-ending-email': {
    list: { text: "select jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder) as payload,\n  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,\n  due.id as subject,\n  'the trial ends at ' || due.ends || ', the reminder is due ' || due.reminder || ' before' as why\nfrom (\n  select s.id, s.customer_id, c.team_id, o.reminder,\n    to_char(s.trial_end at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') as ends\n  from evenfall.subscription s\n  cross join unnest($1::text[]) as o (reminder)\n  left join evenfall.customer c on c.id = s.customer_id\n  where s.status = 'trialing' and not s.gone and not s.cancel_at_period_end\n    and (s.cancel_at is null or s.cancel_at > s.trial_end)\n    and s.trial_end > $2::timestamptz\n    and evenfall.trial_reminder(s.trial_start, s.trial_end, o.reminder, $1::text[], $2::timestamptz) = 'due'\n) due\nwhere not exists (\n    select from evenfall.notice n\n    where n.kind = 'trial-ending' and n.subject = 'subscription:' || due.id\n      and n.occasion = due.ends || ' ' || due.reminder)\n  and not exists (\n    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id\n    where d.resolved_at is null and d.kind = 'trial-ending-email'\n      and j.payload @> jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder))\norder by due.ends, due.id, due.reminder", parameters: ['trialReminders', 'now'] },
    enqueue: { text: "with due as (\nselect jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder) as payload,\n  evenfall.team_of_customer(due.customer_id, due.team_id) as team_id,\n  due.id as subject,\n  'the trial ends at ' || due.ends || ', the reminder is due ' || due.reminder || ' before' as why\nfrom (\n  select s.id, s.customer_id, c.team_id, o.reminder,\n    to_char(s.trial_end at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.MS\"Z\"') as ends\n  from evenfall.subscription s\n  cross join unnest($1::text[]) as o (reminder)\n  left join evenfall.customer c on c.id = s.customer_id\n  where s.status = 'trialing' and not s.gone and not s.cancel_at_period_end\n    and (s.cancel_at is null or s.cancel_at > s.trial_end)\n    and s.trial_end > $2::timestamptz\n    and evenfall.trial_reminder(s.trial_start, s.trial_end, o.reminder, $1::text[], $2::timestamptz) = 'due'\n) due\nwhere not exists (\n    select from evenfall.notice n\n    where n.kind = 'trial-ending' and n.subject = 'subscription:' || due.id\n      and n.occasion = due.ends || ' ' || due.reminder)\n  and not exists (\n    select from evenfall.dead_letter d join evenfall.job j on j.id = d.job_id\n    where d.resolved_at is null and d.kind = 'trial-ending-email'\n      and j.payload @> jsonb_build_object('subscriptionId', due.id, 'offset', due.reminder))\norder by due.ends, due.id, due.reminder\n), enqueued as (\n  insert into evenfall.job (kind, queue, payload, payload_version, key, team_id, due, run_at, deadline_at, source)\n  select k.kind, k.queue, due.payload, k.payload_version,\n    coalesce(evenfall.default_key(k.key_fields, due.payload), 'swept'),\n    coalesce(due.team_id, due.payload->>k.team_field), true, clock_timestamp(), clock_timestamp() + k.give_up_after,\n    'sweep:trial-ending-email'\n  from due cross join evenfall.job_kind k\n  where k.kind = 'trial-ending-email'\n  order by 5\n  on conflict (kind, key) where key is not null and state in ('queued', 'dispatched', 'running', 'parked') do nothing\n  returning 1\n)\nselect (select count(*) from due)::int as due, (select count(*) from enqueued)::int as enqueued", parameters: ['trialReminders', 'now'] },
  },
};
