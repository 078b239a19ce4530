import { expect, it } from 'vitest';
import { messageId } from '../../src/mail/message-id.ts';

it('[P2] is the same for the same effect, another for another', () => {
  const first = messageId('mail:deletion-notice:team:7', 'example.com');
  expect(messageId('mail:deletion-notice:team:7', 'example.com')).toBe(first);
  expect(messageId('mail:deletion-notice:team:8', 'example.com')).not.toBe(first);
});

it('is well-formed and tells nothing of the key, whatever that holds', () => {
  expect(messageId('mail: <ann@example.org>\r\nBcc: x', 'example.com')).toMatch(
    /^<[0-9a-f]{40}@example\.com>$/,
  );
});
