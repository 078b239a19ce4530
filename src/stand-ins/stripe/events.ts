import { API_VERSION } from './objects.ts';
import { Table } from './table.ts';
import type { EventType, WireEvent } from './objects.ts';

/**
 * An event before it has an id. `cause` is null for what Stripe does by itself, such as the end of a trial.
 */
export interface EventDraft {
  type: EventType;
  at: number;
  object: { livemode: boolean };
  before?: object;
  cause: { requestId: string; idempotencyKey: string | null } | null;
}

/** Events are written here in order; a listener is all that delivery needs. */
export class EventLog extends Table<WireEvent> {
  readonly #nextId: () => string;
  readonly #listeners = new Set<(event: WireEvent) => void>();
  readonly #delivered = new Set<string>();

  constructor(nextId: () => string) {
    super('event');
    this.#nextId = nextId;
  }

  emit(draft: EventDraft): WireEvent {
    const event: WireEvent = {
      id: this.#nextId(),
      object: 'event',
      api_version: API_VERSION,
      created: draft.at,
      data: {
        object: structuredClone(draft.object),
        ...(draft.before === undefined
          ? {}
          : { previous_attributes: difference(draft.before, draft.object) }),
      },
      livemode: draft.object.livemode,
      pending_webhooks: 0,
      request: {
        id: draft.cause?.requestId ?? null,
        idempotency_key: draft.cause?.idempotencyKey ?? null,
      },
      type: draft.type,
    };
    this.add(event);
    for (const listener of this.#listeners) listener(event);
    return event;
  }

  /** Called with each event as it is written. Returns the way to stop. */
  subscribe(listener: (event: WireEvent) => void): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** A delivered event is what `delivery_success=true` finds; without a delivery none is. */
  markDelivered(id: string): void {
    this.#delivered.add(id);
  }

  isDelivered(id: string): boolean {
    return this.#delivered.has(id);
  }

  override clear(): void {
    super.clear();
    this.#delivered.clear();
  }
}

/**
 * What `previous_attributes` holds: the old values of what changed, nested records reduced to their changed
 * keys, lists whole (docs.stripe.com/api/events/object).
 */
export function difference(before: object, after: object): Record<string, unknown> {
  const changed: Record<string, unknown> = {};
  const now = after as Record<string, unknown>;
  for (const [key, old] of Object.entries(before)) {
    if (JSON.stringify(old) === JSON.stringify(now[key])) continue;
    changed[key] = isRecord(old) && isRecord(now[key]) ? difference(old, now[key]) : old;
  }
  for (const key of Object.keys(after)) {
    if (!(key in before)) changed[key] = null;
  }
  return changed;
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
