import { createHmac, timingSafeEqual } from 'node:crypto';

/**
 * What a "keep my team" link carries: which mark it is about, signed, so that nobody can make one up. It tells
 * nothing of the team, and is of use as long as its mark stands.
 */
export function keepToken(secret: string, markId: number): string {
  return `${markId}-${signature(secret, markId).toString('base64url')}`;
}

/** The mark that a token is about, or undefined where it is not one of ours. */
export function readKeepToken(secret: string, token: string): number | undefined {
  const [, id = '', signed = ''] = /^([1-9][0-9]{0,15})-([A-Za-z0-9_-]{43})$/.exec(token) ?? [];
  if (id === '') return undefined;
  const markId = Number(id);
  const given = Buffer.from(signed, 'base64url');
  const expected = signature(secret, markId);
  return given.length === expected.length && timingSafeEqual(given, expected) ? markId : undefined;
}

function signature(secret: string, markId: number): Buffer {
  return createHmac('sha256', secret).update(`evenfall keep ${markId}`).digest();
}
