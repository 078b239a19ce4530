import { createHmac } from 'node:crypto';

/**
 * Stands for a text, such as an e-mail address, where the text itself may not be kept (P7): the same for the
 * same address however it is written, and of no use to whoever lacks the secret.
 */
export function keyedHash(secret: string, text: string): string {
  return createHmac('sha256', secret).update(text.trim().toLowerCase()).digest('hex');
}
