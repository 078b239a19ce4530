interface Entry {
  id: string;
  created: number;
}

interface Position {
  created: number;
  sequence: number;
}

/** Objects of one kind, in Stripe's order: newest first, the later insertion first within a second. */
export class Table<T extends Entry> {
  /** The name in "No such customer: …". */
  readonly kind: string;
  readonly #rows = new Map<string, T>();
  readonly #positions = new Map<string, Position>();
  #sorted: T[] | undefined;

  constructor(kind: string) {
    this.kind = kind;
  }

  get(id: string): T | undefined {
    return this.#rows.get(id);
  }

  add(row: T): T {
    this.#rows.set(row.id, row);
    this.#positions.set(row.id, { created: row.created, sequence: this.#positions.size });
    this.#sorted = undefined;
    return row;
  }

  /** The position stays known: a page may still start after an object that is gone. */
  remove(id: string): void {
    this.#rows.delete(id);
    this.#sorted = undefined;
  }

  all(): T[] {
    return [...this.#rows.values()];
  }

  newestFirst(): readonly T[] {
    return (this.#sorted ??= this.all().sort((a, b) => this.compare(a.id, b.id)));
  }

  knows(id: string): boolean {
    return this.#positions.has(id);
  }

  /** Negative when `a` comes before `b` in a list. */
  compare(a: string, b: string): number {
    const [left, right] = [this.#position(a), this.#position(b)];
    return right.created - left.created || right.sequence - left.sequence;
  }

  clear(): void {
    this.#rows.clear();
    this.#positions.clear();
    this.#sorted = undefined;
  }

  #position(id: string): Position {
    const position = this.#positions.get(id);
    if (position === undefined) throw new Error(`Unknown ${this.kind} '${id}'`);
    return position;
  }
}
