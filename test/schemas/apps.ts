import { django } from './django/rows.ts';
import { laravel } from './laravel/rows.ts';
import { rails } from './rails/rows.ts';

/** The schemas that are not ours, each with its contract in sql/contracts. */
export const foreignApps = [laravel, rails, django];
