import type { Message } from '../../../src/stand-ins/inbox/index.ts';

/** A mail as its reader understands it. */
export type Mail = { readonly at: Date; readonly to: string } & (
  | { readonly kind: 'deletion-notice'; readonly team: string; readonly markId: string }
  | { readonly kind: 'trial-ending'; readonly cents: number }
  | { readonly kind: 'expiring-card'; readonly last4: string; readonly expires: string }
  | { readonly kind: 'other' }
);

/** What a mail says, by its words alone. */
export function readMail({ receivedAt: at, envelope, subject, text }: Message): Mail {
  const mail = { at, to: envelope.to.join(', ') };
  const find = (pattern: RegExp) => pattern.exec(text)?.[1] ?? '';
  if (/team will be deleted/.test(subject)) {
    const team = find(/Your team (.+?) has never subscribed/);
    return { ...mail, kind: 'deletion-notice', team, markId: find(/\/keep\/(\d+)/) };
  }
  if (/trial ends on/.test(subject)) {
    const cents = Math.round(Number(find(/we charge you \$([\d,.]+\d)/).replaceAll(',', '')) * 100);
    return { ...mail, kind: 'trial-ending', cents };
  }
  if (/card for .+ expires/.test(subject)) {
    const [last4, expires] = [find(/ending in (\d{4})/), find(/Expires:?\s+(\d\d\/\d{4})/)];
    return { ...mail, kind: 'expiring-card', last4, expires };
  }
  return { ...mail, kind: 'other' };
}

/** The path of the "keep my team" link. */
export function keepPath({ text }: Pick<Message, 'text'>): string | undefined {
  return /https?:\/\/\S+?(\/keep\/\S+)/.exec(text)?.[1];
}
