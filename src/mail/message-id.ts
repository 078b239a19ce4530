import { createHash } from 'node:crypto';

/**
 * The Message-ID of an effect: the same key always gets the same one, so that mail programs and people can
 * tell a repeat from a second mail. Hashed, for a key may hold characters that a Message-ID may not.
 */
export function messageId(effectKey: string, domain: string): string {
  return `<${createHash('sha256').update(effectKey).digest('hex').slice(0, 40)}@${domain}>`;
}
