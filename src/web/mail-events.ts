import { z } from 'zod';
import { address } from '../billing/recipient.ts';
import { Problem } from './problem.ts';

/** A mail that will not arrive, or that its recipient has complained of. No address leaves this file. */
export interface MailEvent {
  readonly why: 'bounce' | 'complaint';
  /** As in its header, brackets and all; null where the provider says its own ids only. */
  readonly messageId: string | null;
  readonly recipientHash: string | null;
}

/** What a body tells. */
export interface MailReport {
  readonly events: readonly MailEvent[];
  /** How many of its items change nothing: deliveries, soft bounces, mails that nobody could name. */
  readonly ignored: number;
  /** Amazon SNS asks whether it may post here: where a person says yes. */
  readonly confirm?: { readonly topic: string; readonly url: string };
}

/** What an item of a body says of one recipient. */
interface Told {
  readonly why: MailEvent['why'];
  readonly messageId?: string | undefined;
  readonly recipient?: string | undefined;
}

type Fields = Readonly<Record<string, unknown>>;

/**
 * Reads a body of `POST /webhooks/mail`: our own form, or those of Postmark, Amazon SES through SNS, Mailgun and
 * SendGrid (docs/operations.md, "When mail bounces"); one item or a list of them, in whichever form each is. What is
 * not for good is left out.
 *
 * @param hash what stands for an address from here on
 * @throws Problem 422 when an item is in none of the forms
 */
export function readMailEvents(body: unknown, hash: (address: string) => string): MailReport {
  const items: unknown[] = Array.isArray(body) ? body : [body];
  const events: MailEvent[] = [];
  let ignored = 0;
  let confirm: MailReport['confirm'];
  for (const [index, item] of items.entries()) {
    const field = Array.isArray(body) ? String(index) : 'body';
    confirm ??= subscriptionOf(item);
    const told = toldBy(item, field).flatMap((one) => eventOf(one, hash) ?? []);
    if (told.length === 0) ignored++;
    events.push(...told);
  }
  return { events, ignored, ...(confirm ? { confirm } : {}) };
}

/** Undefined when it names neither a mail nor a recipient. */
function eventOf({ why, messageId, recipient }: Told, hash: (address: string) => string) {
  const id = messageIdOf(messageId);
  const to = addressOf(recipient);
  if (id === null && to === undefined) return undefined;
  return { why, messageId: id, recipientHash: to === undefined ? null : hash(to) };
}

/** Some leave out the brackets. */
function messageIdOf(text: string | undefined): string | null {
  const id = /^<?([^\s<>@]+@[^\s<>@]+)>?$/.exec(text?.trim() ?? '')?.[1];
  return id === undefined || id.length > 996 ? null : `<${id}>`;
}

/** Of `Jane <jane@example.org>`, and of a report's `rfc822; jane@example.org`. */
function addressOf(text: string | undefined): string | undefined {
  const bare = /<([^<>]*)>\s*$/.exec(text ?? '')?.[1] ?? text?.replace(/^\s*rfc822\s*;/i, '');
  return address(bare ?? null);
}

const readers: readonly { fits(item: Fields): boolean; read(item: Fields, field: string): Told[] }[] = [
  { fits: (item) => 'RecordType' in item || ('TypeCode' in item && 'Email' in item), read: postmark },
  { fits: isSns, read: amazonSns },
  { fits: (item) => 'mail' in item && ('notificationType' in item || 'eventType' in item), read: amazonSes },
  { fits: (item) => 'event-data' in item, read: mailgun },
  { fits: (item) => 'event' in item, read: sendgrid },
  { fits: (item) => 'type' in item, read: own },
];

function toldBy(item: unknown, field: string): Told[] {
  const known = isFields(item) ? readers.find((reader) => reader.fits(item)) : undefined;
  if (!known) {
    const forms = 'Postmark, Amazon SES through SNS, Mailgun, SendGrid, or {"type":"bounce","recipient":…}';
    throw new Problem(
      422,
      'wrong_request',
      `${field}: is in none of the forms that are understood: ${forms}.`,
      {
        field,
      },
    );
  }
  return known.read(item as Fields, field);
}

const ownForm = z
  .strictObject({
    type: z.enum(['bounce', 'complaint']),
    messageId: z.string().max(998).optional(),
    recipient: z.string().max(320).optional(),
    permanent: z.boolean().optional(),
  })
  .refine(({ messageId, recipient }) => messageId !== undefined || recipient !== undefined, {
    error: 'messageId or recipient must say which mail it was',
  })
  .refine(({ type, permanent }) => type === 'complaint' || permanent !== undefined, {
    path: ['permanent'],
    error: 'must say whether the mail will never arrive',
  });

function own(item: Fields, field: string): Told[] {
  const result = ownForm.safeParse(item);
  if (!result.success) {
    const [issue] = result.error.issues;
    // the names of unknown fields are the caller's own text
    const what =
      issue?.code === 'unrecognized_keys' ? 'has an unknown field' : (issue?.message ?? 'is wrong');
    const where = [...(field === 'body' ? [] : [field]), ...(issue?.path ?? [])].join('.') || 'body';
    throw new Problem(422, 'wrong_request', `${where}: ${what}`, { field: where });
  }
  const { type: why, messageId, recipient, permanent } = result.data;
  return why === 'complaint' || permanent ? [{ why, messageId, recipient }] : [];
}

/**
 * postmarkapp.com/developer/webhooks: bounce, spam complaint, subscription change. Its MessageID is its own. An address
 * that it has set inactive gets nothing any more, whatever the type of the bounce.
 */
function postmark(item: Fields): Told[] {
  const type = text(item['Type']);
  if (item['RecordType'] === 'SubscriptionChange') {
    const reasons: Record<string, Told['why']> = { HardBounce: 'bounce', SpamComplaint: 'complaint' };
    const why = item['SuppressSending'] === true ? reasons[text(item['SuppressionReason']) ?? ''] : undefined;
    return why === undefined ? [] : [{ why, recipient: text(item['Recipient']) }];
  }
  const recipient = text(item['Email']);
  if (type === 'SpamComplaint') return [{ why: 'complaint', recipient }];
  if (type === undefined || (item['RecordType'] ?? 'Bounce') !== 'Bounce') return [];
  const isHard = item['Inactive'] === true || ['HardBounce', 'BadEmailAddress'].includes(type);
  return isHard ? [{ why: 'bounce', recipient }] : [];
}

const snsTypes = new Set(['Notification', 'SubscriptionConfirmation', 'UnsubscribeConfirmation']);

function isSns(item: Fields): boolean {
  return snsTypes.has(text(item['Type']) ?? '') && 'TopicArn' in item;
}

/** docs.aws.amazon.com/sns: a notification of SES is JSON in `Message`; one that SES sends to try the topic is not. */
function amazonSns(item: Fields): Told[] {
  if (item['Type'] !== 'Notification') return [];
  let message: unknown;
  try {
    message = JSON.parse(text(item['Message']) ?? '');
  } catch {
    return [];
  }
  return isFields(message) ? amazonSes(message) : [];
}

/** Only an address of Amazon's own, for a person is going to open it. */
function subscriptionOf(item: unknown): MailReport['confirm'] {
  if (!isFields(item) || !isSns(item) || item['Type'] !== 'SubscriptionConfirmation') return undefined;
  const topic = text(item['TopicArn']) ?? '';
  const url = text(item['SubscribeURL']) ?? '';
  const isAmazons = /^https:\/\/sns\.[a-z0-9-]+\.amazonaws\.com(\.cn)?\/\?[!-~]+$/.test(url);
  return isAmazons && /^arn:[\w:./-]+$/.test(topic) ? { topic, url } : undefined;
}

/**
 * docs.aws.amazon.com/ses, "Amazon SNS notification contents"; event publishing writes `eventType`. SES sends under a
 * Message-ID of its own; ours is among the original headers, where they are included. A "complaint" about an address on
 * the account's suppression list was never sent.
 */
function amazonSes(item: Fields): Told[] {
  const mail = fields(item['mail']);
  const messageId = text(fields(mail['commonHeaders'])['messageId']) ?? headerOf(mail, 'message-id');
  const bounce = fields(item['bounce']);
  const complaint = fields(item['complaint']);
  const of = (why: Told['why'], recipients: unknown): Told[] =>
    list(recipients).map((one) => ({ why, messageId, recipient: text(fields(one)['emailAddress']) }));
  switch (item['eventType'] ?? item['notificationType']) {
    case 'Bounce':
      return bounce['bounceType'] === 'Permanent' ? of('bounce', bounce['bouncedRecipients']) : [];
    case 'Complaint': {
      if (complaint['complaintFeedbackType'] === 'not-spam') return [];
      const wasSent = complaint['complaintSubType'] !== 'OnAccountSuppressionList';
      return of(wasSent ? 'complaint' : 'bounce', complaint['complainedRecipients']);
    }
    default:
      return [];
  }
}

function headerOf(mail: Fields, name: string): string | undefined {
  const header = list(mail['headers']).find((one) => text(fields(one)['name'])?.toLowerCase() === name);
  return text(fields(header)['value']);
}

/** documentation.mailgun.com, "Webhook Payloads": `failed` is for good by its severity, not by its name. */
function mailgun(item: Fields): Told[] {
  const data = fields(item['event-data']);
  const { event, severity } = data;
  if (event !== 'complained' && !(event === 'failed' && severity === 'permanent')) return [];
  const why = event === 'complained' ? 'complaint' : 'bounce';
  const messageId = text(fields(fields(data['message'])['headers'])['message-id']);
  return [{ why, messageId, recipient: text(data['recipient']) }];
}

/** Why SendGrid did not even try; other reasons are about the sender (docs.sendgrid.com, "Drops"). */
const dropped = new Set(['bounced address', 'invalid', 'spam reporting address', 'unsubscribed address']);

/** www.twilio.com/docs/sendgrid, "Event Webhook Reference": `smtp-id` is the mail's Message-ID; a block may pass. */
function sendgrid(item: Fields): Told[] {
  const messageId = text(item['smtp-id']);
  const recipient = text(item['email']);
  switch (item['event']) {
    case 'bounce':
      return item['type'] === 'blocked' ? [] : [{ why: 'bounce', messageId, recipient }];
    case 'dropped': {
      const isForGood = dropped.has((text(item['reason']) ?? '').toLowerCase());
      return isForGood ? [{ why: 'bounce', messageId, recipient }] : [];
    }
    case 'spamreport':
      return [{ why: 'complaint', messageId, recipient }];
    default:
      return [];
  }
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/* Of a provider's body nothing is sure: what is missing or of another kind counts as absent. */

const fields = (value: unknown): Fields => (isFields(value) ? value : {});
const list = (value: unknown): readonly unknown[] => (Array.isArray(value) ? value : []);
const text = (value: unknown): string | undefined => (typeof value === 'string' ? value : undefined);
