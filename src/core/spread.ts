const dayMs = 86_400_000;
/** From an act to the place of the one that may take its room: one that acts a little late does not fill the next day. */
const roomMs = dayMs + 60_000;

/** What is to be spread: how many, and how many of them in any 24 hours; `acts` are those of the last 24 hours. */
export interface Backlog {
  readonly now: Date;
  readonly acts: readonly Date[];
  readonly count: number;
  readonly perDay: number;
}

/**
 * The places of what waits, the first one first: evenly through the day, and so that with what has acted already no
 * 24 hours see more than `perDay`.
 */
export function planSpread({ now, acts, count, perDay }: Backlog): Date[] {
  const gapMs = Math.ceil(roomMs / perDay);
  const taken = acts.map((at) => at.getTime()).toSorted((one, other) => one - other);
  let next = now.getTime();
  for (let n = 0; n < count; n++) {
    const gone = taken.at(-perDay);
    const place = Math.max(next, gone === undefined ? next : gone + roomMs);
    taken.push(place);
    next = place + gapMs;
  }
  return taken.slice(acts.length).map((ms) => new Date(ms));
}

/** A day of a spread. */
export interface SpreadDay {
  readonly from: Date;
  readonly jobs: number;
}

/** How many come on each of the days from `now`; those on which none comes are left out. */
export function daysOfSpread(now: Date, places: readonly Date[]): SpreadDay[] {
  const days = Map.groupBy(places, (place) => Math.floor((place.getTime() - now.getTime()) / dayMs));
  return [...days]
    .toSorted(([one], [other]) => one - other)
    .map(([day, jobs]) => ({ from: new Date(now.getTime() + day * dayMs), jobs: jobs.length }));
}
