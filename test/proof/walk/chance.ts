/** A seeded source of chance. */
export class Chance {
  private readonly seed: number;
  private state = 0;

  constructor(seed: number) {
    this.seed = seed;
    this.beginAt(0);
  }

  /** From here the seed and this number alone say what comes, whatever came before. */
  beginAt(place: number): void {
    this.state = (Math.imul(this.seed, 0x9e3779b1) + Math.imul(place, 0x85ebca6b)) >>> 0;
    this.next();
  }

  /** From 0 to below 1 (mulberry32). */
  readonly next = (): number => {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let mixed = this.state;
    mixed = Math.imul(mixed ^ (mixed >>> 15), mixed | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };

  happens(probability: number): boolean {
    return this.next() < probability;
  }

  /** A whole number, both ends included. */
  int(from: number, to: number): number {
    return from + Math.floor(this.next() * (to - from + 1));
  }

  /** One of them; undefined where there is none. */
  among<T>(from: readonly T[]): T | undefined {
    return from[Math.floor(this.next() * from.length)];
  }

  /** One of a list that is not empty. */
  pick<T>(from: readonly [T, ...T[]]): T {
    return this.among(from) ?? from[0];
  }

  /** A name, as often as its weight says. */
  weighted<Name extends string>(weights: Readonly<Partial<Record<Name, number>>>): Name {
    const entries = Object.entries(weights) as [Name, number][];
    let left = this.next() * entries.reduce((sum, [, weight]) => sum + weight, 0);
    for (const [name, weight] of entries) if ((left -= weight) < 0) return name;
    throw new Error('there is nothing to choose from');
  }
}
