/**
 * Does a slow step of the start: one line when it begins, one with its time when it is done, so that nobody looks at
 * a dead screen. What the step has to tell goes through `detail`.
 */
export type Step = <T>(what: string, work: (detail: (line: string) => void) => Promise<T>) => Promise<T>;

export function stepsOf(say: (line: string) => void): Step {
  return async (what, work) => {
    const began = performance.now();
    say(`${what} …`);
    const result = await work((line) => say(`  ${line}`));
    say(`  done in ${secondsSince(began)} s`);
    return result;
  };
}

export function secondsSince(began: number): string {
  return ((performance.now() - began) / 1_000).toFixed(1);
}
