import { Hono } from 'hono';
import { Counter, Gauge, Registry } from 'prom-client';
import { findingKinds } from '../core/finding.ts';
import type { AnyJob } from '../core/job.ts';
import type { Database } from '../db/connect.ts';
import { reportSchedules } from '../queue/schedules.ts';
import { requireToken } from './bearer.ts';
import { withDeadline } from './deadline.ts';

export interface Metrics {
  readonly contentType: string;
  /** Counts one answered request; `route` is the template, never the address itself. */
  countRequest(method: string, route: string, status: number): void;
  /** The whole page, read from the database now. Rejects when the database is away. */
  render(): Promise<string>;
}

/** States of a job that is not over. */
const liveStates = ['queued', 'dispatched', 'running', 'parked'] as const;
/** States in which a due job waits for its turn. */
const waiting = new Set(['queued', 'dispatched']);

/** Prometheus metrics of the jobs, in a registry of their own. */
export function createMetrics(database: Pick<Database, 'statements'>, jobs: readonly AnyJob[]): Metrics {
  const registry = new Registry();
  const registers = [registry];
  const live = new Gauge({
    name: 'evenfall_jobs',
    help: 'Jobs that are not over, by kind and state.',
    labelNames: ['kind', 'state'] as const,
    registers,
  });
  const oldestDue = new Gauge({
    name: 'evenfall_oldest_due_seconds',
    help: 'How long the oldest due job of a kind has been waiting for its turn.',
    labelNames: ['kind'] as const,
    registers,
  });
  const deadLetters = new Gauge({
    name: 'evenfall_dead_letters',
    help: 'Dead letters that nobody has resolved, by kind and class of failure.',
    labelNames: ['kind', 'class'] as const,
    registers,
  });
  const findings = new Gauge({
    name: 'evenfall_findings',
    help: 'Findings that nobody has acknowledged, by kind.',
    labelNames: ['kind'] as const,
    registers,
  });
  const unknownEffects = new Gauge({
    name: 'evenfall_unknown_effects',
    help: 'Acts on the outside world of which nobody knows whether they happened.',
    registers,
  });
  const stripeDown = new Gauge({
    name: 'evenfall_stripe_breaker_open',
    help: '1 while Stripe does not work and is asked once a second only.',
    registers,
  });
  const stripeDownSeconds = new Gauge({
    name: 'evenfall_stripe_breaker_open_seconds',
    help: 'For how long the breaker of Stripe has been open; 0 while it is closed.',
    registers,
  });
  const scheduleLate = new Gauge({
    name: 'evenfall_schedule_late_seconds',
    help: 'How long the oldest due occurrence of a schedule has not been accounted for; absent until a worker has declared it.',
    labelNames: ['schedule'] as const,
    registers,
  });
  const scheduleAge = new Gauge({
    name: 'evenfall_schedule_age_seconds',
    help: 'How long ago the last occurrence of a schedule was due whose job ran to its end; since the schedule is known where there is none.',
    labelNames: ['schedule'] as const,
    registers,
  });
  const requests = new Counter({
    name: 'evenfall_http_requests_total',
    help: 'Answered HTTP requests.',
    labelNames: ['method', 'route', 'status'] as const,
    registers,
  });

  return {
    contentType: registry.contentType,
    countRequest: (method, route, status) => requests.inc({ method, route, status }),
    async render() {
      const { statements } = database;
      const [counts, letters, found, unknown, schedules, gates] = await withDeadline(5_000, () =>
        Promise.all([
          statements.jobCounts(),
          statements.deadLetterCounts(),
          statements.findingCounts(),
          statements.unknownEffects(),
          reportSchedules(database, jobs),
          statements.stripeGate(),
        ]),
      );
      // cleared and filled without a pause between, so that a second scrape at once never sees half of it
      for (const gauge of [live, oldestDue, deadLetters, findings, scheduleLate, scheduleAge]) gauge.reset();
      // a series that is zero must be there: one that vanishes looks like a scrape that failed
      for (const { name } of jobs) {
        for (const state of liveStates) live.set({ kind: name, state }, 0);
        oldestDue.set({ kind: name }, 0);
      }
      for (const kind of Object.keys(findingKinds)) findings.set({ kind }, 0);
      const oldest = new Map<string, number>();
      for (const { kind, state, jobs: count, oldestDueSeconds } of counts) {
        live.set({ kind, state }, count);
        if (waiting.has(state)) oldest.set(kind, Math.max(oldest.get(kind) ?? 0, oldestDueSeconds));
      }
      for (const [kind, seconds] of oldest) oldestDue.set({ kind }, seconds);
      for (const { kind, class: failure, letters: count } of letters) {
        deadLetters.set({ kind, class: failure }, count);
      }
      for (const { kind, findings: count } of found) findings.set({ kind }, count);
      unknownEffects.set(unknown[0]?.effects ?? 0);
      const openMs = gates[0]?.openMs ?? null;
      stripeDown.set(openMs === null ? 0 : 1);
      stripeDownSeconds.set((openMs ?? 0) / 1_000);
      for (const { name: schedule, late, age } of schedules) {
        // one that no worker has declared would be in time for ever: no number is the better alarm
        if (age === null) continue;
        scheduleLate.set({ schedule }, late);
        scheduleAge.set({ schedule }, age);
      }
      return await registry.metrics();
    },
  };
}

/** `GET /metrics`, for who holds the API token. */
export function metricsRoute(metrics: Metrics, apiToken: string | undefined): Hono {
  const routes = new Hono();
  routes.get('/metrics', requireToken(apiToken), async (c) =>
    c.body(await metrics.render(), 200, { 'Content-Type': metrics.contentType }),
  );
  return routes;
}
