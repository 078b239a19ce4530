import { mails } from './mutations/mails.ts';
import type { Mutation } from './mutations/mutation.ts';
import { teams } from './mutations/teams.ts';
import { users } from './mutations/users.ts';

export type { Mutation } from './mutations/mutation.ts';
export const mutations: readonly Mutation[] = [...teams, ...users, ...mails];
