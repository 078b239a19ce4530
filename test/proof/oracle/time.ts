import type { Instant } from './world.ts';

const daysInMonth = (year: number, month: number) => {
  const leap = (year % 4 === 0 && year % 100 !== 0) || year % 400 === 0;
  return [31, leap ? 29 : 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31][month] ?? 0;
};

/**
 * Months forward from an anchor, in UTC: the same day and time of day, or the month's last day where it has no such day
 * (facts d35-d37). Always from the anchor, never from a result: 31 January, 28 February, 31 March.
 */
export function addMonths(anchor: Instant, months: number): Instant {
  const from = new Date(anchor);
  const count = from.getUTCFullYear() * 12 + from.getUTCMonth() + months;
  const year = Math.floor(count / 12);
  const month = count - year * 12;
  const day = Math.min(from.getUTCDate(), daysInMonth(year, month));
  const timeOfDay = ((anchor % 86_400_000) + 86_400_000) % 86_400_000;
  return Date.UTC(year, month, day) + timeOfDay;
}

/** An ISO 8601 duration forward from an anchor, in UTC: years and months first, then days (of 24 hours), then the rest. */
export function addDuration(anchor: Instant, duration: string): Instant {
  const { months, ms } = read(duration);
  return addMonths(anchor, months) + ms;
}

/** The same backward, for what is announced so long before its end: the end is the anchor. */
export function takeDuration(anchor: Instant, duration: string): Instant {
  const { months, ms } = read(duration);
  return addMonths(anchor, -months) - ms;
}

function read(duration: string): { months: number; ms: number } {
  const parts = /^P(?:(\d+)Y)?(?:(\d+)M)?(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?$/.exec(
    duration,
  );
  if (!parts) throw new Error(`"${duration}" is no ISO 8601 duration.`);
  const [years = 0, months = 0, weeks = 0, days = 0, hours = 0, minutes = 0, seconds = 0] = parts
    .slice(1)
    .map((count) => Number(count ?? 0));
  const rest = (((weeks * 7 + days) * 24 + hours) * 60 + minutes) * 60 + seconds;
  return { months: years * 12 + months, ms: rest * 1_000 };
}

/** The first instant after a card's last month, in UTC: a card is good to the end of its month (2.4, ruling 12). */
export function cardEnds(expYear: number, expMonth: number): Instant {
  return Date.UTC(expYear, expMonth, 1);
}
