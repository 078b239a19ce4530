/** What people must look at though no job is dead. */
export const findingKinds = {
  'stripe-veto': 'Stripe knows a live subscription where our data has none: nothing is deleted.',
  'deleted-while-subscribed': 'Stripe showed a live subscription right after a team was deleted.',
  'nobody-to-notify': 'A team is due to be marked, and there is nobody to write to.',
  'bounced-too-late': 'The notice of a team bounced when its deletion had begun or was over.',
  'jobs-waiting': 'Jobs have been waiting for half an hour for something that is down.',
  'erasure-while-subscribed':
    'A person was erased here, and their customer in Stripe has a live subscription: it is kept.',
  'fuse-blown': 'Too many destructive acts in a day: the kind waits for a person.',
} as const;

export type FindingKind = keyof typeof findingKinds;

/** One of them; the same kind, subject and occasion is told once. */
export interface Finding {
  readonly kind: FindingKind;
  /** What it is about, as in the history: `team:7`. */
  readonly subject: string;
  /** What makes it another one of the same subject. */
  readonly occasion: string;
  /** Whose timeline it belongs to; a fuse is of no team. */
  readonly teamId?: string | null;
  /** One sentence: what was found and what to do. Ids and codes, never personal data. */
  readonly message: string;
  readonly detail?: Record<string, string | number | boolean | null | string[]>;
}
