import type { Queries } from '../../sql/queries.gen.ts';
import type { HistoryEntry, Log } from '../core/context.ts';
import type { Effects, Evidence } from '../core/effects.ts';
import { Retryable } from '../core/errors.ts';
import type { MailPort } from '../core/mail.ts';
import { waitsForPeople } from '../core/notices.ts';
import type { NoticeKey, Notices } from '../core/notices.ts';

interface NoticesOptions {
  readonly effects: Effects;
  readonly mail: MailPort;
  readonly hash: (text: string) => string;
  readonly history: (tx: Queries, entry: HistoryEntry) => Promise<void>;
  readonly jobId: number | null;
  readonly now: Date;
  readonly log: Log;
}

/** What the claim of a mail keeps: all that its row of the ledger needs, should nobody come back to it. */
type About = NoticeKey & { readonly recipientHash: string };

type State = 'sent' | 'unknown' | 'suppressed';

/** The ledger of mails on top of the ledger of effects: each mail is one effect, and one row when it is over. */
export function noticeLedger({ effects, mail, hash, history, jobId, now, log }: NoticesOptions): Notices {
  async function perform(
    about: About,
    act: () => Promise<Evidence>,
    onSent?: (tx: Queries, at: Date) => Promise<void>,
  ): Promise<'now' | 'before' | 'unknown'> {
    const key = keyOf(about);
    const { happened } = await effects.perform({
      key,
      kind: `mail.${about.kind}`,
      about: { ...about },
      act,
      unknown: waitsForPeople.has(about.kind) ? 'dead' : 'give-up',
      async settle(tx, evidence, at) {
        await record(tx, about, 'sent', { messageId: String(evidence['messageId']) });
        await onSent?.(tx, at);
      },
      giveUp: async (tx) => {
        log.warn({ jobId, effect: key }, 'nobody can say whether a mail went out; it is not sent again');
        await record(tx, about, 'unknown', {});
      },
    });
    return happened;
  }

  /** The row, and its line of history when there was a row to write. */
  async function record(
    tx: Queries,
    { kind, subject, occasion, teamId, userId, recipientHash }: NoticeKey & { recipientHash?: string },
    state: State,
    more: { messageId?: string; reason?: string },
  ): Promise<void> {
    const written = await tx.recordNotice({
      kind,
      subject,
      occasion,
      teamId,
      userId: userId ?? null,
      state,
      reason: more.reason ?? null,
      recipientHash: recipientHash ?? null,
      messageId: more.messageId ?? null,
      jobId,
      at: now,
    });
    if (written.length === 0) return;
    await history(tx, {
      what: `notice.${state}`,
      subject,
      ...(teamId === null ? {} : { teamId }),
      detail: { mail: kind, occasion, ...more },
    });
  }

  return {
    async notify({ props, to, onSent, ...notice }) {
      const about = { ...notice, recipientHash: hash(to) };
      return await perform(about, () => mail.send(notice.kind, props, { to, key: keyOf(notice) }), onSent);
    },
    suppress: (tx, { reason, ...notice }) => record(tx, notice, 'suppressed', { reason }),
    async giveUpBegun() {
      const begun = (await effects.begun()).filter(({ key }) => key.startsWith('mail:'));
      for (const { about } of begun) {
        await perform(about as unknown as About, () => Promise.reject(freed(about)));
      }
      return begun.length > 0;
    },
  };
}

/** Somebody has found out meanwhile that it was not sent: the next run decides anew. */
function freed(about: Evidence): Retryable {
  return new Retryable(`the mail to ${String(about['subject'])} is free to be sent again`, {
    facts: { class: 'effect_released' },
  });
}

function keyOf({ kind, subject, occasion }: NoticeKey): string {
  return `mail:${kind}:${subject}:${occasion}`;
}
