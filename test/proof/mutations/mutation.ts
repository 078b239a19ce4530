/** The SQL with one of its guards taken away or turned round: the comparison with the oracle must see it. */
export interface Mutation {
  /** What the SQL promises, which it then breaks. */
  readonly guard: string;
  /** Of sql/. */
  readonly file: string;
  /** There exactly once. */
  readonly find: string;
  readonly replace: string;
  /** The session's time zone, where it is about that. */
  readonly zone?: string;
  /** Why nobody can see it: another guard stands behind this one. */
  readonly unseen?: string;
}

/** Several changes of one file. */
export const of = (
  file: string,
  changes: readonly (readonly [guard: string, find: string, replace: string, more?: Partial<Mutation>])[],
): Mutation[] => changes.map(([guard, find, replace, more]) => ({ guard, file, find, replace, ...more }));
