import { setTimeout as delay } from 'node:timers/promises';

/** Of those who can go on, the number of the one who does. */
export type Choose = (who: readonly string[]) => number;

/** Past this a story hangs: nobody arrives, and nobody waits for one who stands. */
const patienceMs = 30_000;

/**
 * One who acts in a story. Stands at its start and at each of its stops until the conductor lets it go on. One that is
 * dead comes to nothing, wherever it was.
 */
export class Player {
  readonly name: string;
  /** Its sessions' name in Postgres. */
  readonly session: string;
  /** Where it stands, or was seen last. */
  place = 'start';
  state: 'standing' | 'moving' | 'over' | 'dead' = 'standing';
  /** Statements of it that Postgres has not answered. */
  asking = 0;
  failure: unknown;
  private readonly stops: (place: string) => boolean;
  private readonly passed = new Map<string, number>();
  private go = Promise.withResolvers<void>();
  private arrival = Promise.withResolvers<void>();
  private act: (() => Promise<unknown>) | undefined;
  private hasBegun = false;
  private canBegin = () => true;

  constructor(name: string, session: string, stops: (place: string) => boolean) {
    this.name = name;
    this.session = session;
    this.stops = stops;
  }

  /** @param canBegin whether what it acts on is there yet */
  cast(act: () => Promise<unknown>, canBegin = () => true): void {
    this.act = act;
    this.canBegin = canBegin;
  }

  get isReady(): boolean {
    return this.state === 'standing' && (this.place !== 'start' || this.canBegin());
  }

  /** Said by whoever acts for it: it is at this point. A second time at a point is `point 2`. */
  async reach(point: string): Promise<void> {
    if (!this.hasBegun) return;
    if (this.isDead) return await never();
    const times = (this.passed.get(point) ?? 0) + 1;
    this.passed.set(point, times);
    const place = times === 1 ? point : `${point} ${times}`;
    if (!this.stops(place)) return;
    this.place = place;
    this.arrive('standing');
    await this.go.promise;
  }

  /** A statement, or what else only Postgres can end. Of one that is dead nobody hears any more. */
  async ask<T>(question: () => Promise<T>): Promise<T> {
    this.asking++;
    try {
      return await question();
    } finally {
      this.asking--;
      if (this.isDead) await never();
    }
  }

  /** Resolves when it stands again or is over. */
  goOn(): Promise<void> {
    const from = this.go;
    this.state = 'moving';
    this.go = Promise.withResolvers();
    this.arrival = Promise.withResolvers();
    from.resolve();
    const begins = !this.hasBegun;
    this.hasBegun = true;
    if (begins && this.act) void this.play(this.act);
    return this.arrival.promise;
  }

  /** As its process does by kill -9. */
  die(): void {
    this.place = 'dead';
    this.arrive('dead');
  }

  get arrived(): Promise<void> {
    return this.arrival.promise;
  }

  private get isDead(): boolean {
    return this.state === 'dead';
  }

  private async play(act: () => Promise<unknown>): Promise<void> {
    try {
      await act();
    } catch (error) {
      this.failure = error;
    }
    if (this.isDead) return;
    this.place = 'its end';
    this.arrive('over');
  }

  private arrive(state: Player['state']): void {
    this.state = state;
    this.arrival.resolve();
  }
}

function never(): Promise<never> {
  return new Promise(() => {});
}

export interface Watch {
  /** Sessions that wait for a lock, by their names, with those they wait for. */
  readonly waiting: () => Promise<ReadonlyMap<string, readonly string[]>>;
  /** Called when everybody stands, waits or is over. */
  readonly look: () => Promise<void>;
}

/**
 * Plays a story: one after the other goes on to where it stops next, or until it waits for a lock of one who stands.
 * Who is let through meanwhile goes on to its own next stop, before the next choice.
 *
 * @returns the story: who went on to where
 * @throws Error when it hangs, and with what a player has thrown
 */
export async function conduct(players: readonly Player[], choose: Choose, watch: Watch): Promise<string[]> {
  const story: string[] = [];
  for (;;) {
    const ready = players.filter((player) => player.isReady);
    if (ready.length === 0) break;
    const player = ready[choose(ready.map(({ name }) => name))]!;
    void player.goOn();
    await calm(players, watch).catch((cause: unknown) => {
      throw new Error(`the story hangs: ${[...story, player.name].join('; ')}`, { cause });
    });
    const waits = player.state === 'moving' ? 'a lock' : player.place;
    story.push(`${player.name} to ${waits}`);
    await watch.look();
  }
  const failed = players.find(({ failure }) => failure !== undefined);
  if (failed) throw new Error(`${failed.name} failed: ${story.join('; ')}`, { cause: failed.failure });
  return story;
}

/** Two looks in a row say so: between the first wait and the second look a deadlock would have been broken. */
async function calm(players: readonly Player[], watch: Watch): Promise<void> {
  const until = Date.now() + patienceMs;
  for (let looks = 0; looks < 2;) {
    const moving = players.filter(({ state }) => state === 'moving');
    if (moving.length === 0) return;
    await Promise.race([...moving.map(({ arrived }) => arrived), delay(2)]);
    looks = (await allHeldUp(players, watch)) ? looks + 1 : 0;
    if (Date.now() > until) {
      const where = players.map(({ name, state, place }) => `${name} is ${state} after ${place}`);
      throw new Error(where.join(', '));
    }
  }
}

/** Whether each one who moves waits for a lock that no other one who moves will let go of by itself. */
async function allHeldUp(players: readonly Player[], { waiting }: Watch): Promise<boolean> {
  const moving = players.filter(({ state }) => state === 'moving');
  if (moving.some(({ asking }) => asking === 0)) return false;
  const behind = await waiting();
  const heldUp = new Set(players.filter(({ state }) => state === 'standing').map(({ session }) => session));
  for (let known = -1; known < heldUp.size;) {
    known = heldUp.size;
    for (const { session } of moving) {
      if (behind.get(session)?.some((other) => heldUp.has(other))) heldUp.add(session);
    }
  }
  return moving.every(({ session, state }) => state === 'moving' && heldUp.has(session));
}

/**
 * Plays a story again and again until every choice was made, each time from its beginning: a search in depth, in which
 * who waits or is over leaves no choice, so that no interleaving is played twice.
 *
 * @param play resolves to false to end the search
 * @param interruptions how often at most one who could go on gives way; whoever waits or is over interrupts nobody
 * @returns how many there are
 * @throws Error when a story does not repeat itself
 */
export async function everyInterleaving(
  play: (choose: Choose) => Promise<boolean>,
  interruptions = Infinity,
): Promise<number> {
  const path: { who: string; of: number; chosen: number }[] = [];
  for (let stories = 1; ; stories++) {
    let depth = 0;
    let left = interruptions;
    let last: string | undefined;
    const goOn = await play((names) => {
      const stays = names.findIndex((name) => name === last);
      if (left === 0 && stays >= 0) return stays;
      const who = names.join(', ');
      const { chosen, ...before } = (path[depth] ??= { who, of: names.length, chosen: 0 });
      if (before.who !== who) throw new Error(`of ${before.who} only ${who} can go on this time`);
      depth++;
      if (stays >= 0 && chosen !== stays) left--;
      last = names[chosen];
      return chosen;
    });
    while (path.length > 0 && path.at(-1)!.chosen + 1 === path.at(-1)!.of) path.pop();
    const next = path.at(-1);
    if (!goOn || !next) return stories;
    next.chosen++;
  }
}
