import type { RequestRecord } from '../src/stand-ins/stripe/index.ts';
import type { Delivery } from './events.ts';
import { releaseCommand } from './fuses.ts';
import type { Paste } from './fuses.ts';
import type { Post } from './receiver.ts';

/** How a line feels; colours are chosen in one place. */
export type Tone = 'plain' | 'good' | 'bad' | 'quiet';

/** One event: time, what, who, why. */
export interface Line {
  readonly at: Date;
  readonly what: string;
  readonly who: string;
  readonly why: string;
  readonly tone: Tone;
}

/** A job as the feed reads it. */
export interface JobRow {
  readonly id: number;
  readonly kind: string;
  readonly payload: Readonly<Record<string, unknown>>;
  readonly team: string;
  readonly state: string;
  readonly attempts: number;
  readonly crashes: number;
  readonly source: string;
  readonly runAt: Date;
  /** Since when it waits for something that is down. */
  readonly waitingSince: Date | null;
  readonly createdAt: Date;
  readonly startedAt: Date | null;
  readonly finishedAt: Date | null;
  readonly outcome: { readonly reason?: string; readonly detail?: Readonly<Record<string, unknown>> } | null;
  readonly lastError: { readonly message?: string } | null;
}

export interface HistoryRow {
  readonly what: string;
  readonly team: string;
  readonly subject: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

/** What people were told to look at. */
export interface FindingRow {
  readonly id: number;
  readonly kind: string;
  readonly subject: string;
  readonly team: string;
  readonly message: string;
}

/** A deleted team whose owner was kept. */
export interface KeptOwnerRow {
  readonly id: number;
  readonly team: string;
  readonly ownerId: string | null;
  readonly why: string;
}

export interface DeadLetterRow {
  readonly id: number;
  readonly jobId: number;
  readonly team: string;
  readonly at: Date;
  readonly class: string;
  readonly code: string | null;
  readonly error: { readonly httpStatus?: number; readonly requestId?: string };
}

export interface NoticeRow {
  readonly kind: string;
  readonly subject: string;
  readonly team: string;
  readonly state: string;
  readonly reason: string | null;
}

/** An event of Stripe as the web process has stored it. */
export interface EventRow {
  readonly id: string;
  readonly at: Date;
  readonly type: string;
  readonly objectId: string | null;
  readonly team: string;
  readonly ignored: string | null;
}

/** What became of one occurrence of a schedule. */
export interface ScheduleRunRow {
  readonly at: Date;
  readonly schedule: string;
  readonly dueAt: Date;
  readonly outcome: string;
  readonly reason: string | null;
}

const colours: Readonly<Record<Tone, string>> = {
  plain: '',
  good: '\u001B[32m',
  bad: '\u001B[31m',
  quiet: '\u001B[2m',
};
const noColour = '\u001B[0m';
const widths = { what: 24, who: 28 };

/**
 * One line of the terminal; a long word pushes the next column on, nothing is cut off. Where business time is ahead
 * the line has its date.
 */
export function formatLine({ at, what, who, why, tone }: Line, colour: boolean, aheadMs = 0): string {
  const when = aheadMs === 0 ? clock(at) : dateAndClock(new Date(at.getTime() + aheadMs));
  const text = `${when}  ${what.padEnd(widths.what)}  ${who.padEnd(widths.who)}  ${why}`.trimEnd();
  return paint(text, tone, colour);
}

/** Colours a text, where colours are wanted. */
export function paint(text: string, tone: Tone, colour: boolean): string {
  return colour && tone !== 'plain' ? `${colours[tone]}${text}${noColour}` : text;
}

/** What there is to tell of a job between two looks at it. */
export function jobLines(before: JobRow | undefined, job: JobRow, seenAt: Date): Line[] {
  const lines: Line[] = [];
  const name = `job ${job.id}`;
  const add = (at: Date, what: string, why: string, tone: Tone = 'plain') =>
    lines.push({ at, what: `${name} ${what}`, who: job.team, why, tone });

  if (!before)
    add(
      job.createdAt,
      'asked for',
      [job.kind, fieldsOf(job.payload), `(by ${job.source})`].filter(Boolean).join(' '),
    );
  if (before?.finishedAt && !job.finishedAt) add(seenAt, 'asked for again', 'it was dead and runs anew');
  if (job.crashes > (before?.crashes ?? 0)) {
    // queued again, or already started again
    const at = job.state === 'queued' ? seenAt : (job.startedAt ?? seenAt);
    add(at, 'taken over', 'its worker died: it runs again, and no attempt is used up', 'bad');
  }
  const failed = job.attempts > (before?.attempts ?? 0) && job.state !== 'dead';
  const waits = job.waitingSince !== null && job.runAt.getTime() !== before?.runAt.getTime();
  if (failed || waits) {
    const wait = Math.max(0, job.runAt.getTime() - seenAt.getTime()) / 1_000;
    const why = `in ${wait.toFixed(1)} s: ${job.lastError?.message ?? 'it failed'}`;
    add(seenAt, failed ? 'will try again' : 'waits, and looks again', why, 'bad');
  }
  if (job.finishedAt && before?.finishedAt?.getTime() !== job.finishedAt.getTime()) {
    const tone = job.state === 'dead' ? 'bad' : job.state === 'done' ? 'good' : 'plain';
    add(job.finishedAt, job.state, endOf(job), tone);
  }
  return lines;
}

type Told = (row: HistoryRow) => Pick<Line, 'what' | 'why' | 'tone'>;

/** What ends a team or a user, or keeps it, in words of its own. */
const endings: Readonly<Record<string, Told>> = {
  'team.marked': ({ detail }) => ({
    what: 'team marked',
    why: `to be deleted after ${minute(new Date(String(detail['deleteAfter'])))} UTC`,
    tone: 'plain',
  }),
  'team.mark-cleared': ({ detail }) => ({
    what: 'mark taken back',
    why: String(detail['why']),
    tone: 'good',
  }),
  'team.kept': ({ detail }) => ({
    what: 'team kept',
    why: `by the link in its notice, until ${minute(new Date(String(detail['until'])))} UTC`,
    tone: 'good',
  }),
  'team.deleted': () => ({
    what: 'team deleted',
    why: 'its date has passed, and nothing speaks for it',
    tone: 'bad',
  }),
  'user.deleted': ({ subject, detail }) => ({
    what: 'user deleted',
    why: `${subject.replace(':', ' ')}: ${String(detail['why'])}`,
    tone: 'bad',
  }),
  'user.spared': ({ subject, detail }) => ({
    what: 'user spared',
    why: `${subject.replace(':', ' ')}: ${String(detail['why'])}`,
    tone: 'good',
  }),
  'user.deactivated': ({ subject, detail }) => ({
    what: 'user deactivated',
    why: [subject.replace(':', ' '), shown(detail['cancelled']) && `cancelled ${shown(detail['cancelled'])}`]
      .filter(Boolean)
      .join(', '),
    tone: 'good',
  }),
  'fuse.spread': ({ subject, detail }) => ({
    what: 'fuse released',
    why: `${subject.replace('fuse:', '')}, ${shown(detail['perDay'])} a day: ${String(detail['why'])}`,
    tone: 'good',
  }),
  'fuse.released': ({ subject, detail }) => ({
    what: 'fuse released',
    why: `${subject.replace('fuse:', '')}, ${shown(detail['acts'])} acts: ${String(detail['why'])}`,
    tone: 'good',
  }),
};

export function historyLine(row: HistoryRow, seenAt: Date): Line {
  const ending = endings[row.what]?.(row);
  if (ending) return { at: seenAt, who: row.team, ...ending };
  const { status, cancelAt } = row.detail;
  const facts = [
    row.subject.replace(':', ' '),
    status && `now ${String(status)}`,
    cancelAt && `until ${String(cancelAt)}`,
  ];
  const why = `${row.what}: ${facts.filter(Boolean).join(', ')}`;
  return { at: seenAt, what: 'history', who: row.team, why, tone: 'plain' };
}

export function deadLetterLine(row: DeadLetterRow): Line {
  const { httpStatus, requestId } = row.error;
  const facts = [
    row.class,
    row.code,
    httpStatus && `HTTP ${httpStatus}`,
    requestId && `request ${requestId}`,
  ];
  const why = `job ${row.jobId}: ${facts.filter(Boolean).join(', ')}`;
  return { at: row.at, what: `dead letter ${row.id}`, who: row.team, why, tone: 'bad' };
}

/** What people are told; of a blown fuse also the command that releases it. */
export function findingLines(
  { id, kind, subject, team, message }: FindingRow,
  paste: Paste,
  seenAt: Date,
): Line[] {
  const line = (what: string, why: string, tone: Tone) => ({ at: seenAt, what, who: team, why, tone });
  const found = line(`finding ${id}`, `${kind}: ${message}`, 'bad');
  if (kind !== 'fuse-blown') return [found];
  const release = releaseCommand(subject.replace('fuse:', ''), paste);
  return [found, line('to release the fuse', release, 'plain')];
}

export function keptOwnerLine({ team, ownerId, why }: KeptOwnerRow, seenAt: Date): Line {
  return { at: seenAt, what: 'owner kept', who: team, why: `user ${ownerId}: ${why}`, tone: 'good' };
}

/** A request to the Stripe stand-in; undefined for a read that went well, of which there are many. */
export function requestLine(request: RequestRecord, who: string, at: Date): Line | undefined {
  const { method, path, status, fault, acted, id } = request;
  if (method === 'GET' && fault === null && status === 200) return undefined;
  const answer = status === null ? 'no answer' : String(status);
  const happened = method === 'GET' ? '' : acted ? ', it happened' : ', nothing happened';
  const why = `${method} ${path.replace('/v1/', '')}${happened} (${id})`;
  return { at, what: `Stripe ${answer}`, who, why, tone: acted && status === 200 ? 'plain' : 'bad' };
}

export function mailLine(mail: { receivedAt: Date; subject: string; to: readonly string[] }): Line {
  const why = `"${mail.subject}" to ${mail.to.join(', ')}`;
  return { at: mail.receivedAt, what: 'mail', who: '', why, tone: 'plain' };
}

export function postLine(post: Post): Line {
  return { at: post.at, what: 'alert posted', who: '', why: `${post.id} to the webhook`, tone: 'plain' };
}

/** A row in the ledger of mails to customers: the decisions not to write are there as well. */
export function noticeLine(row: NoticeRow, seenAt: Date): Line {
  const why = `${row.kind} about ${row.subject.replace(':', ' ')}`;
  return {
    at: seenAt,
    what: `notice ${row.state}`,
    who: row.team,
    why: row.reason === null ? why : `${why}: ${row.reason}`,
    tone: row.state === 'sent' ? 'good' : row.state === 'unknown' ? 'bad' : 'plain',
  };
}

export function eventLine(row: EventRow): Line {
  const about = row.objectId === null ? '' : ` of ${row.objectId}`;
  const why = `${row.type}${about} (${row.id})${row.ignored === null ? '' : `: ${row.ignored}`}`;
  return { at: row.at, what: 'event received', who: row.team, why, tone: 'plain' };
}

/** A delivery that is not the first one of its event, or was not taken; undefined for all others. */
export function deliveryLine({ event, type, status }: Delivery, again: boolean, at: Date): Line | undefined {
  const taken = status !== null && status < 300;
  if (taken && !again) return undefined;
  const why = `${type} (${event}), ${status === null ? 'no answer' : `answered ${status}`}`;
  return taken
    ? { at, what: 'event once more', who: '', why, tone: 'quiet' }
    : { at, what: 'event not taken', who: '', why, tone: 'bad' };
}

/** One line for all occurrences of a schedule that came to the same: after a long absence there are many. */
export function scheduleLines(rows: readonly ScheduleRunRow[]): Line[] {
  const alike = Map.groupBy(rows, ({ schedule, outcome, reason }) => `${schedule} ${outcome} ${reason}`);
  return [...alike.values()].flatMap((group) => {
    const [first, last] = [group[0], group.at(-1)];
    if (!first || !last) return [];
    const { at, schedule, outcome, reason } = first;
    const due = first === last ? minute(first.dueAt) : `${minute(first.dueAt)} to ${minute(last.dueAt)}`;
    const times = group.length === 1 ? '' : `, ${group.length} times`;
    const why = `${schedule}, due ${due} UTC${times}${reason === null ? '' : `: ${reason}`}`;
    return [{ at, what: `schedule ${shown(outcome)}`, who: '', why, tone: 'plain' as const }];
  });
}

function endOf(job: JobRow): string {
  if (job.state === 'dead') return job.lastError?.message ?? '';
  if (job.outcome?.reason !== undefined) return job.outcome.reason;
  const detail = Object.entries(job.outcome?.detail ?? {}).filter(
    ([, value]) => !Array.isArray(value) || value.length > 0,
  );
  return detail.map(([key, value]) => `${spaced(key)} ${shown(value)}`).join(', ');
}

/** The payload without the team, which has its own column. */
function fieldsOf(payload: Readonly<Record<string, unknown>>): string {
  const fields = Object.entries(payload).filter(([key]) => key !== 'teamId');
  return fields
    .map(([key, value]) =>
      ['when', 'sweep'].includes(key) ? shown(value) : `${spaced(key)} ${shown(value)}`,
    )
    .join(', ');
}

function shown(value: unknown): string {
  if (Array.isArray(value)) return value.join(' ');
  if (typeof value !== 'string') return JSON.stringify(value);
  // words; an id stays as it is
  return /^[a-z_]+$/.test(value) ? value.replaceAll('_', ' ') : value;
}

function spaced(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
}

function minute(at: Date): string {
  return at.toISOString().slice(0, 16).replace('T', ' ');
}

function dateAndClock(at: Date): string {
  const date = [at.getFullYear(), at.getMonth() + 1, at.getDate()].map((n) => padded(n)).join('-');
  return `${date} ${clock(at)}`;
}

function clock(at: Date): string {
  const day = [at.getHours(), at.getMinutes(), at.getSeconds()].map((n) => padded(n)).join(':');
  return `${day}.${padded(at.getMilliseconds(), 3)}`;
}

function padded(n: number, digits = 2): string {
  return String(n).padStart(digits, '0');
}
