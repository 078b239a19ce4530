const entryShape = /^([a-z][a-z0-9-]*|\*)=(https?:\/\/.+)$/i;
const placeholder = '{schedule}';

/**
 * Reads SCHEDULE_HEARTBEATS: `schedule=https://…`, comma-separated, or `*=https://…/{schedule}` for all that are not
 * named themselves.
 *
 * @param schedules the names that there are
 * @returns the URL of each schedule that has one, and everything that is wrong; nothing of a URL is in it
 */
export function readHeartbeatUrls(
  text: string,
  schedules: readonly string[],
): { urls: Record<string, string>; problems: string[] } {
  const named = new Map<string, string>();
  const problems: string[] = [];
  for (const [index, entry] of text.split(',').entries()) {
    // who is not followed by a URL may be a part of one
    const [, name = '', url = ''] = entryShape.exec(entry.trim()) ?? [];
    const problem =
      name === ''
        ? `entry ${index + 1} is not of the form schedule=https://…, with %2C for a comma in it`
        : (problemOfName(name, schedules, named) ?? problemOfUrl(name, url));
    if (problem === undefined) named.set(name, url);
    else problems.push(problem);
  }
  if (problems.some((problem) => problem.endsWith('is no schedule'))) {
    problems.push(`schedules are ${schedules.join(', ')}`);
  }
  const all = named.get('*');
  const urls: Record<string, string> = {};
  for (const schedule of schedules) {
    const url = named.get(schedule) ?? all;
    if (url !== undefined) urls[schedule] = url.replaceAll(placeholder, schedule);
  }
  return { urls, problems };
}

function problemOfName(
  name: string,
  schedules: readonly string[],
  named: ReadonlyMap<string, string>,
): string | undefined {
  if (named.has(name)) return `${name} is there twice`;
  if (name === '*' || schedules.includes(name)) return undefined;
  return `${name} is no schedule`;
}

function problemOfUrl(name: string, text: string): string | undefined {
  const url = URL.parse(text.replaceAll(placeholder, 'schedule'));
  if (!url) return `what ${name} has is no URL`;
  // fetch refuses such a URL, each time
  if (url.username !== '' || url.password !== '') return `the URL of ${name} has a log-in, which is not sent`;
  if (name === '*' && !text.includes(placeholder)) {
    return `the URL of * lacks ${placeholder}: with one monitor for all, one that stops goes unnoticed`;
  }
  return undefined;
}
