/**
 * Dates in the reader's own calendar, the zone always named: "on the 14th" is another day elsewhere. A zone
 * that does not exist (the app's column is free text) counts as UTC, and then says so.
 */

export interface Moment {
  /** `Saturday, 14 March 2026` */
  readonly day: string;
  /** `14 March` */
  readonly shortDay: string;
  /** `09:26` */
  readonly time: string;
  /** `UTC` or `Europe/Berlin time` */
  readonly zone: string;
}

export function momentIn(at: Date, timeZone: string): Moment {
  const zone = knownZone(timeZone);
  const show = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone }).format(at);
  const day = show({ day: 'numeric', month: 'long', year: 'numeric' });
  return {
    day: `${show({ weekday: 'long' })}, ${day}`,
    shortDay: show({ day: 'numeric', month: 'long' }),
    time: show({ hour: '2-digit', minute: '2-digit' }),
    zone: zone === 'UTC' ? 'UTC' : `${zone.replaceAll('_', ' ')} time`,
  };
}

/** `February 2028` */
export function monthName(month: number, year: number): string {
  const format = new Intl.DateTimeFormat('en-GB', { month: 'long', year: 'numeric', timeZone: 'UTC' });
  return format.format(Date.UTC(year, month - 1));
}

/** `today`, `tomorrow`, `in 3 days`: midnights between the two in the reader's calendar. */
export function daysUntil(at: Date, now: Date, timeZone: string): string {
  const zone = knownZone(timeZone);
  const days = (dayNumber(at, zone) - dayNumber(now, zone)) / 86_400_000;
  if (days <= 0) return 'today';
  return days === 1 ? 'tomorrow' : `in ${days} days`;
}

/** The calendar's day as an instant of UTC, where every day has 24 hours. */
function dayNumber(at: Date, timeZone: string): number {
  return Date.parse(new Intl.DateTimeFormat('sv-SE', { timeZone }).format(at));
}

function knownZone(timeZone: string): string {
  try {
    return new Intl.DateTimeFormat('en-GB', { timeZone }).resolvedOptions().timeZone;
  } catch {
    return 'UTC';
  }
}
