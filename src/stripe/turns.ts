import { AsyncLocalStorage } from 'node:async_hooks';
import type { StripeCall, StripeGate, StripeTurn } from '../core/stripe-gate.ts';
import { NoSecondTurn } from './answer.ts';
import { whatItTells } from './classify.ts';

export interface Turns {
  /**
   * Makes a call when its turn has come, and tells the others what became of it.
   *
   * @throws whatever the gate throws, as it is; what the call throws as `failure` makes of it
   */
  take<T>(about: StripeCall, call: () => Promise<T>, failure: (error: unknown) => Error): Promise<T>;
  /** Before each request that leaves: a call has a turn for its first, the SDK's own retry needs one more. */
  beforeRequest(): Promise<void>;
}

/** So that no request of a call leaves out of turn, those of the SDK included. */
export function createTurns(gate: StripeGate): Turns {
  const calls = new AsyncLocalStorage<{ about: StripeCall; turn: StripeTurn; requests: number }>();
  return {
    async take(about, call, failure) {
      const current = { about, turn: await gate.enter(about), requests: 0 };
      try {
        const result = await calls.run(current, call);
        await current.turn.worked();
        return result;
      } catch (error) {
        const told = whatItTells(error);
        if (told === 'works') await current.turn.worked();
        else if (told === 'down') await current.turn.failed();
        throw failure(error);
      }
    },

    async beforeRequest() {
      const current = calls.getStore();
      if (current === undefined) return;
      current.requests += 1;
      if (current.requests === 1) return;
      try {
        current.turn = await gate.enter(current.about);
      } catch (error) {
        throw new NoSecondTurn('there was no turn for the retry', { cause: error });
      }
    },
  };
}

/** Of a gateway without a gate: every call at once. */
export const atOnce: Turns = {
  take: (_about, call, failure) =>
    call().catch((error: unknown) => {
      throw failure(error);
    }),
  beforeRequest: () => Promise.resolve(),
};
