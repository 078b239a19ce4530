import type { Check } from './check.ts';
import { mails } from './mails.ts';
import { teamsAndUsers } from './teams-and-users.ts';

export type { Asks, Check } from './check.ts';
export const checks: readonly Check[] = [...teamsAndUsers, ...mails];
