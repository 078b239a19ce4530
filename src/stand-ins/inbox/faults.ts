/** What the SMTP server shall do wrong; each fault is used up after `times` uses (1 unless given). */
export type Fault = { readonly times?: number } & (
  | { readonly kind: 'refuse'; readonly code: 550 | 451; readonly at: 'rcpt' | 'data' }
  /** The message is stored, then the connection is cut before the answer. */
  | { readonly kind: 'drop-after-accept' }
  /** The connection is cut and nothing stored: when the message is in (`data`, the default) or at the greeting. */
  | { readonly kind: 'drop-before'; readonly at?: 'connect' | 'data' }
  /** No answer ever, and nothing stored: when the message is in (`data`, the default) or at the greeting. */
  | { readonly kind: 'hang'; readonly at?: 'connect' | 'data' }
);

export type Stage = 'connect' | 'rcpt' | 'data';

export type Faults = {
  /** Adds a fault behind those that are waiting. */
  add(fault: Fault): void;
  /** Forgets all faults. */
  clear(): void;
};

/** The faults in waiting; `take` uses up one that belongs to this stage of a delivery. */
export function faultList(): Faults & { take(stage: Stage): Fault | undefined } {
  let waiting: { fault: Fault; left: number }[] = [];
  return {
    add(fault) {
      waiting.push({ fault, left: fault.times ?? 1 });
    },
    clear() {
      waiting = [];
    },
    take(stage) {
      const entry = waiting.find(({ fault }) => stageOf(fault) === stage);
      if (!entry) return undefined;
      entry.left -= 1;
      if (entry.left <= 0) waiting = waiting.filter((other) => other !== entry);
      return entry.fault;
    },
  };
}

function stageOf(fault: Fault): Stage {
  return fault.kind === 'drop-after-accept' ? 'data' : (fault.at ?? 'data');
}
