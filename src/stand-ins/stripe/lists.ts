import { invalid, missing } from './errors.ts';
import type { RangeQuery } from './params.ts';
import type { Table } from './table.ts';

interface Paging {
  limit?: number;
  starting_after?: string;
  ending_before?: string;
}

/**
 * One page, newest first (docs.stripe.com/api/pagination). A cursor is a position, not a match: a walk over
 * live subscriptions goes on behind one that was cancelled since.
 */
export function page<T extends { id: string; created: number; livemode: boolean }>(
  table: Table<T>,
  url: string,
  paging: Paging,
  matches: (row: T) => boolean,
): { object: 'list'; data: T[]; has_more: boolean; url: string } {
  const limit = paging.limit ?? 10;
  if (limit < 1)
    throw invalid('This value must be greater than or equal to 1.', 'limit', 'parameter_invalid_integer');
  if (limit > 100)
    throw invalid('This value must be less than or equal to 100.', 'limit', 'parameter_invalid_integer');
  const { starting_after: after, ending_before: before } = paging;
  if (after !== undefined && before !== undefined) {
    throw invalid('You may only specify one of these parameters: starting_after, ending_before.');
  }
  if (after !== undefined) requireCursor(table, after, 'starting_after');
  if (before !== undefined) requireCursor(table, before, 'ending_before');

  const rows = table
    .newestFirst()
    .filter((row) => matches(row))
    .filter((row) => after === undefined || table.compare(row.id, after) > 0)
    .filter((row) => before === undefined || table.compare(row.id, before) < 0);
  const data = before === undefined ? rows.slice(0, limit) : rows.slice(-limit);
  return { object: 'list', data, has_more: rows.length > limit, url };
}

/** `created` and its like: an exact second, or bounds. */
export function within(value: number, query: number | RangeQuery | undefined): boolean {
  if (query === undefined) return true;
  if (typeof query === 'number') return value === query;
  return (
    (query.gt === undefined || value > query.gt) &&
    (query.gte === undefined || value >= query.gte) &&
    (query.lt === undefined || value < query.lt) &&
    (query.lte === undefined || value <= query.lte)
  );
}

function requireCursor(table: { kind: string; knows(id: string): boolean }, id: string, param: string): void {
  if (!table.knows(id)) throw missing(table.kind, id, { param, status: 400 });
}
