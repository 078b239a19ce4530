import { timingSafeEqual } from 'node:crypto';
import { sha256 } from './bearer.ts';

/** Who may see Bull Board. A viewer changes nothing. */
export interface DashboardUser {
  readonly name: string;
  readonly password: string;
  readonly role: 'viewer' | 'operator';
}

/** A check of `Authorization: Basic …` that takes the same time whoever asks: every user is compared. */
export function basicAuth(
  users: readonly DashboardUser[],
): (authorization: string | undefined) => DashboardUser | undefined {
  const known = users.map((user) => ({ user, digest: sha256(`${user.name}:${user.password}`) }));
  return (authorization) => {
    const [, encoded = ''] = /^Basic +([A-Za-z0-9+/=]+)$/i.exec(authorization ?? '') ?? [];
    const given = sha256(Buffer.from(encoded, 'base64').toString('utf8'));
    let found: DashboardUser | undefined;
    for (const { user, digest } of known) if (timingSafeEqual(digest, given)) found = user;
    return found;
  };
}
