/** Something did not answer in time; whoever asked may ask again. */
export class Late extends Error {
  override readonly name = 'Late';
}

/**
 * Races work against a deadline. The signal is aborted when time is up, so that work which gets its turn
 * later still can leave things as they were.
 *
 * @throws Late when time is up
 */
export async function withDeadline<T>(ms: number, work: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  let timer: NodeJS.Timeout | undefined;
  const expired = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      const late = new Late(`no answer within ${ms} ms`);
      controller.abort(late);
      reject(late);
    }, ms);
  });
  try {
    return await Promise.race([work(controller.signal), expired]);
  } finally {
    clearTimeout(timer);
  }
}
